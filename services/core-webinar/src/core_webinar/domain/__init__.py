"""What Core decides: pure functions over frozen values; time, accounts and settings come in as arguments."""

from core_webinar.domain.accounts import Account
from core_webinar.domain.addresses import FRAME_HOSTS, frame_hosts
from core_webinar.domain.authorship import Authorship
from core_webinar.domain.refusal import Refusal
from core_webinar.domain.transitions import archive, pause, resume, set_cta_visibility, set_status, start, stop
from core_webinar.domain.upsert import Action, Surroundings, Upsert, upsert
from core_webinar.domain.values import reason, text
from core_webinar.domain.webinar import ARCHIVED_AFTER, CONTESTED, SETTABLE, Change, Decision, Webinar, Window

__all__ = [
    "ARCHIVED_AFTER",
    "CONTESTED",
    "FRAME_HOSTS",
    "SETTABLE",
    "Account",
    "Action",
    "Authorship",
    "Change",
    "Decision",
    "Refusal",
    "Surroundings",
    "Upsert",
    "Webinar",
    "Window",
    "archive",
    "frame_hosts",
    "pause",
    "reason",
    "resume",
    "set_cta_visibility",
    "set_status",
    "start",
    "stop",
    "text",
    "upsert",
]
