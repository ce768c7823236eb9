"""Settings: the file, the environment over it, and one line for whatever is wrong."""

from pathlib import Path

import pytest

from callcenter.settings import Settings, SettingsError, check_runnable, load, make_data_directory

SHIPPED = Path(__file__).parents[2] / "config" / "callcenter.toml"
SECRET = "a-secret-of-good-length"


def complaint(tmp_path: Path, text: str, environment: dict[str, str] | None = None) -> str:
    path = tmp_path / "callcenter.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError) as refused:
        load(path, environment or {})
    assert len(refused.value.lines) == 1
    return refused.value.lines[0].replace(str(tmp_path) + "/", "")


def test_the_shipped_file_shows_the_defaults() -> None:
    assert load(SHIPPED, {}) == Settings()


def test_every_setting_stands_in_the_shipped_file() -> None:
    text = SHIPPED.read_text(encoding="utf-8")
    unexplained = {"ami_secret", "password", "username", "secret", "outbound_proxy"}
    for name, section in Settings.model_fields.items():
        assert name in text
        fields = getattr(section.annotation, "model_fields", {})
        assert [key for key in fields if key not in unexplained and key not in text] == []


def test_a_setting_that_does_not_exist_is_told_with_its_line(tmp_path: Path) -> None:
    told = complaint(tmp_path, '[server]\nbind = "127.0.0.1"\nprot = 8001\n')
    assert told.startswith("callcenter.toml:3: server.prot: there is no such setting")


def test_a_port_out_of_range_is_told_with_its_line(tmp_path: Path) -> None:
    told = complaint(tmp_path, "[server]\n\nport = 99999\n")
    assert told == "callcenter.toml:3: server.port: input should be less than or equal to 65535"


def test_a_host_name_where_an_address_belongs_is_refused(tmp_path: Path) -> None:
    told = complaint(tmp_path, '[server]\nbind = "everywhere"\n')
    assert "server.bind: an IP address is wanted" in told


def test_the_second_trunk_is_named_by_its_own_line(tmp_path: Path) -> None:
    trunks = '[[trunks]]\nname = "a"\nmatch = ["192.0.2.1"]\n\n[[trunks]]\nname = "b"\nmatch = ["nowhere"]\n'
    assert complaint(tmp_path, trunks).startswith(
        "callcenter.toml:7: trunks.1.match.0: an address or network is wanted"
    )


def test_what_is_no_toml_is_told_with_its_place(tmp_path: Path) -> None:
    assert "is no TOML" in complaint(tmp_path, "[server\n")


def test_a_wrong_value_in_the_environment_is_told_by_the_variable_s_name(tmp_path: Path) -> None:
    told = complaint(tmp_path, "", {"CALLCENTER_SERVER_PORT": "many"})
    assert told.startswith("CALLCENTER_SERVER_PORT in the environment: ")


def test_the_environment_goes_over_the_file(tmp_path: Path) -> None:
    path = tmp_path / "callcenter.toml"
    path.write_text("[server]\nport = 8001\n", encoding="utf-8")
    environment = {"CALLCENTER_SERVER_PORT": "8002", "CALLCENTER_ASTERISK_FASTAGI_ALLOW": "10.0.0.1,10.0.0.2"}
    settings = load(path, environment)
    assert settings.server.port == 8002
    assert settings.asterisk.fastagi_allow == ("10.0.0.1", "10.0.0.2")


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        load(tmp_path / "missing.toml", {})


def test_a_secret_comes_from_a_file_that_only_its_owner_may_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text(f"{SECRET}\n")
    secret.chmod(0o600)
    environment = {"CALLCENTER_ASTERISK_AMI_SECRET_FILE": str(secret)}
    assert load(None, environment).asterisk.ami_secret == SECRET
    secret.chmod(0o644)
    with pytest.raises(SettingsError, match="chmod 600"):
        load(None, environment)


@pytest.mark.parametrize("secret", ["", "secret", "changeme", "short"])
def test_a_server_with_an_empty_or_sample_secret_does_not_start(secret: str) -> None:
    with pytest.raises(SettingsError, match=r"asterisk\.ami_secret"):
        check_runnable(load(None, {"CALLCENTER_ASTERISK_AMI_SECRET": secret}))


def test_a_server_with_a_secret_starts() -> None:
    check_runnable(load(None, {"CALLCENTER_ASTERISK_AMI_SECRET": SECRET}))


def test_secrets_are_not_shown() -> None:
    settings = load(None, {"CALLCENTER_ASTERISK_AMI_SECRET": SECRET, "CALLCENTER_DATABASE_URL": f"x://{SECRET}"})
    assert SECRET not in repr(settings)


def test_a_misspelt_variable_is_refused_instead_of_passed_over() -> None:
    with pytest.raises(SettingsError, match="CALLCENTER_SERVER_PROT in the environment: there is no such setting"):
        load(None, {"CALLCENTER_SERVER_PROT": "8001"})
    load(None, {"CALLCENTER_CONFIG": "x", "CALLCENTER_TOOLS_DIR": "y", "CALLCENTER_DEMO_DIRECTORY": "z"})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[server]\nsecure_cookies = "perhaps"\n', "callcenter.toml:2: server.secure_cookies: true or false is wanted"),
        ('[server]\ndata_directory = ""\n', "callcenter.toml:2: server.data_directory: a directory is wanted"),
        ("[sip]\nrtp_start = 20000\n", "sip.rtp_end: a port at least 3 above rtp_start (20000) is wanted"),
        ('[asterisk]\nami_host = ""\n', "callcenter.toml:2: asterisk.ami_host: "),
    ],
)
def test_values_that_cannot_work_are_told(tmp_path: Path, text: str, told: str) -> None:
    assert told in complaint(tmp_path, text)


def test_a_data_directory_that_cannot_be_written_to_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    environment = {"CALLCENTER_SERVER_DATA_DIRECTORY": str(tmp_path / "file" / "data")}
    with pytest.raises(SettingsError, match=r"server\.data_directory: .* cannot be written to \(Not a directory\)"):
        make_data_directory(load(None, environment))
