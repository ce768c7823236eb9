"""The pages and the API: all that the routes use, out of the groups that were made before."""

import secrets
import uuid

from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from callcenter.app.best_offers import BestOffers
from callcenter.app.business_preview import BusinessPreview
from callcenter.app.prompt_book import PromptBook
from callcenter.app.sessions import Sessions
from callcenter.app.trunks import Trunks
from callcenter.app.user_book import UserBook
from callcenter.app.walls import Walls
from callcenter.domain.ids import CustomerId, UserId
from callcenter.gauges import FloorGauges
from callcenter.health import ServerHealth
from callcenter.heard import prompt_sets, recorded_prompts
from callcenter.parts.floor import FloorGroup
from callcenter.parts.ground import Ground, new_id
from callcenter.parts.office import OfficeGroup
from callcenter.parts.talks import TalkGroup
from callcenter.secret_places import new_secret
from callcenter.settled import trunks_of
from callcenter.store.audit import StoredAudit
from callcenter.store.best_offers import StoredBestOffers
from callcenter.store.board import StoredWalls, StoredWishes
from callcenter.store.management import StoredManagement
from callcenter.store.person_export import StoredPeople
from callcenter.store.user_book import StoredUserBook
from callcenter.web.app import create_app
from callcenter.web.demo_info import DemoInfo
from callcenter.web.dependencies import BrowserPhone, BusinessParts, OfficeParts, Privacy, WebDependencies


def make_pages(
    ground: Ground,
    floor: FloorGroup,
    talks: TalkGroup,
    office: OfficeGroup,
    *,
    sessions: Sessions,
    demo: DemoInfo | None,
) -> FastAPI:
    """The web application of this server."""
    settings, database, clock, timezone = ground.settings, ground.database, ground.clock, ground.timezone
    is_private = settings.asterisk.private_directory is not None
    metrics = CollectorRegistry()
    metrics.register(FloorGauges(floor.floor, floor.journal, floor.figures))
    return create_app(
        WebDependencies(
            desk=talks.desk,
            board=talks.desk,
            supervisor=talks.supervision,
            monitoring=talks.monitoring,
            transfers=talks.transfers,
            rejoining=talks.rejoining,
            consulting=talks.consulting,
            calling_out=talks.calling_out,
            internal_calls=talks.internal_calls,
            agreed_callbacks=talks.agreed,
            notices=talks.notices,
            records=floor.records,
            customers=floor.customers,
            relations=office.relations,
            privacy=Privacy(
                log=office.access_log,
                accesses=office.accesses,
                people=StoredPeople(database),
                erasures=office.erasures,
                sight=office.house,
                retention=office.retention,
            ),
            messages=talks.messages,
            audit=talks.users,
            recordings=settings.recordings_directory,
            temporary=settings.temporary_directory,
            prompts=PromptBook(
                sets=lambda: prompt_sets(floor.calls.lines),
                sounds=floor.library,
                recordings=recorded_prompts(settings),
                users=talks.users,
                clock=clock,
            ),
            surveys=floor.surveys,
            hooks=office.hooks,
            trends=floor.trends,
            wishes=StoredWishes(database),
            walls=Walls(
                book=StoredWalls(database),
                rows=talks.desk.queues,
                clock=clock,
                allowed=settings.server.wall_links,
                new_id=new_id,
                new_token=new_token,
            ),
            alerts=floor.alerts,
            alert_book=floor.alert_book,
            reminders=office.reminders,
            configuration=ground.configuration,
            business=BusinessParts(
                book=office.business,
                preview=BusinessPreview(book=office.business, picture=lambda: floor.floor.picture, clock=clock),
                lines=lambda: floor.calls.lines,
                exchange_by_hand=not is_private,
            ),
            office=OfficeParts(
                users=UserBook(
                    store=StoredUserBook(database),
                    clock=clock,
                    new_id=lambda: UserId(uuid.uuid4().hex),
                    new_secret=new_secret,
                ),
                audit=StoredAudit(database),
                trunks=Trunks(trunks_of(settings, is_private=is_private), states=floor.trunk_states),
                accounts=floor.accounts_there,
            ),
            flows=office.flows,
            imports=office.imports,
            values=office.values,
            segments=office.segments,
            management=StoredManagement(database, timezone),
            counts=office.counts,
            best_offers=BestOffers(
                store=StoredBestOffers(database),
                rules=office.house,
                segments=office.segments,
                clock=clock,
                timezone=timezone,
                new_id=new_id,
            ),
            sessions=sessions,
            feed=floor.feed,
            health=ServerHealth(floor.bridge, database, floor.journal),
            clock=clock,
            new_customer_id=lambda: CustomerId(uuid.uuid4().hex),
            new_record_id=new_id,
            new_request_id=lambda: uuid.uuid4().hex[:16],
            metrics=metrics,
            ui_directory=settings.server.ui_directory,
            timezone=settings.server.timezone,
            default_region=settings.server.region,
            browser_phone=BrowserPhone(websocket_url=settings.websocket_url, realm=settings.sip.bind),
            demo=demo,
            desktop_grace=settings.desk_lost_after,
        )
    )


def new_token() -> str:
    """A secret that opens a session or a wall's board."""
    return secrets.token_urlsafe(32)
