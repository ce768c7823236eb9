"""`callcenter user ...`, `phone ...` and `customer ...`: who signs in, agents' phones, customers' numbers and PINs."""

from typing import Annotated

import typer

from callcenter import administer
from callcenter.commands.running import (
    ByOption,
    ConfigOption,
    asked,
    asked_password,
    by_whom,
    group,
    print_lines,
    settings_from,
)
from callcenter.secret_places import new_secret

StdinPassword = Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input.")]

user_app = group("Who may sign in.")
phone_app = group("The agents' SIP accounts.")
customer_app = group("Customer numbers and their PINs.")


@user_app.command("add")
def user_add(
    name: Annotated[str, typer.Argument(help="The login name.")],
    role: Annotated[str, typer.Option(help="agent, supervisor or administrator.")],
    agent: Annotated[str | None, typer.Option(help="The agent he is, by id; needed for the role agent.")] = None,
    language: Annotated[str, typer.Option(help="zh or en.")] = "zh",
    display_name: Annotated[str | None, typer.Option(help="What others read; else the login name.")] = None,
    password_stdin: StdinPassword = False,
    by: ByOption = None,
    config: ConfigOption = None,
) -> None:
    """Let somebody sign in."""
    settings, password = settings_from(config), asked_password(from_stdin=password_stdin)
    print_lines(
        administer.add_user(
            settings,
            name,
            role=role,
            agent_id=agent,
            language=language,
            display_name=display_name,
            password=password,
            by=by_whom(by),
        )
    )


@user_app.command("password")
def user_password(
    name: Annotated[str, typer.Argument(help="The login name.")],
    password_stdin: StdinPassword = False,
    by: ByOption = None,
    config: ConfigOption = None,
) -> None:
    """Give a user another password; he is signed out everywhere."""
    settings, password = settings_from(config), asked_password(from_stdin=password_stdin)
    print_lines(administer.change_password(settings, name, password=password, by=by_whom(by)))


@user_app.command("list")
def user_list(config: ConfigOption = None) -> None:
    """List everyone who may sign in."""
    print_lines(administer.user_lines(settings_from(config)))


@user_app.command("remove")
def user_remove(
    name: Annotated[str, typer.Argument(help="The login name.")], by: ByOption = None, config: ConfigOption = None
) -> None:
    """Let a user sign in no more; he is signed out everywhere."""
    print_lines(administer.take_user_away(settings_from(config), name, by=by_whom(by)))


@phone_app.command("secret")
def phone_secret(
    agent: Annotated[str, typer.Argument(help="The agent's id.")],
    generate: Annotated[bool, typer.Option("--generate", help="Make one that nobody can guess.")] = False,
    show: Annotated[
        bool, typer.Option("--show", help="With --generate: print it, for a desk phone's own page.")
    ] = False,
    stdin: Annotated[bool, typer.Option("--stdin", help="Read it from standard input.")] = False,
    by: ByOption = None,
    config: ConfigOption = None,
) -> None:
    """Set the secret of an agent's SIP account; without an option it is asked for."""
    settings = settings_from(config)
    if generate and stdin:
        raise typer.BadParameter("--generate and --stdin exclude each other")
    if show and not generate:
        raise typer.BadParameter("--show is for --generate alone")
    secret = new_secret() if generate else asked("Secret", from_stdin=stdin, option="--stdin")
    print_lines(administer.set_phone_secret(settings, agent, secret=secret, by=by_whom(by)))
    if show:
        typer.echo(secret)


@customer_app.command("number")
def customer_number(
    customer: Annotated[str, typer.Argument(help="The customer's id.")],
    number: Annotated[str | None, typer.Argument(help="The number, 4 to 12 digits; none: one by chance.")] = None,
    by: ByOption = None,
    config: ConfigOption = None,
) -> None:
    """Give a customer a number by which he says on the telephone who he is."""
    print_lines(administer.give_number(settings_from(config), customer, number, by=by_whom(by)))


@customer_app.command("pin")
def customer_pin(
    number: Annotated[str, typer.Argument(help="The customer number.")],
    remove: Annotated[bool, typer.Option("--remove", help="Take the PIN away.")] = False,
    stdin: Annotated[bool, typer.Option("--stdin", help="Read it from standard input.")] = False,
    by: ByOption = None,
    config: ConfigOption = None,
) -> None:
    """Set the PIN of a customer number; without an option it is asked for. A lock ends."""
    settings = settings_from(config)
    if remove and stdin:
        raise typer.BadParameter("--remove and --stdin exclude each other")
    pin = None if remove else asked("PIN", from_stdin=stdin, option="--stdin")
    print_lines(administer.set_pin(settings, number, pin=pin, by=by_whom(by)))


@customer_app.command("unlock")
def customer_unlock(
    number: Annotated[str, typer.Argument(help="The customer number.")],
    by: ByOption = None,
    config: ConfigOption = None,
) -> None:
    """Forget the wrong PINs of a customer number."""
    print_lines(administer.unlock_number(settings_from(config), number, by=by_whom(by)))
