"""Which modules our Asterisk loads: the few that the call path needs, and the optional ones where they exist."""

from __future__ import annotations

from typing import Final

_NEEDED: Final = tuple(
    f"{name}.so"
    for name in (
        "res_sorcery_config",
        "res_sorcery_memory",
        "res_sorcery_astdb",
        "res_timing_timerfd",
        "res_crypto",
        "res_srtp",
        "res_pjproject",
        "res_rtp_asterisk",
        "res_http_websocket",
        "res_speech",
        "res_agi",
        "res_musiconhold",
        "res_pjsip",
        "res_pjsip_session",
        "res_pjsip_pubsub",
        "res_pjsip_sdp_rtp",
        "res_pjsip_authenticator_digest",
        "res_pjsip_outbound_authenticator_digest",
        "res_pjsip_outbound_registration",
        "res_pjsip_endpoint_identifier_ip",
        "res_pjsip_endpoint_identifier_user",
        "res_pjsip_caller_id",
        "res_pjsip_diversion",
        "res_pjsip_dtmf_info",
        "res_pjsip_header_funcs",
        "res_pjsip_nat",
        "res_pjsip_registrar",
        "res_pjsip_rfc3326",
        "res_pjsip_transport_websocket",
        "res_pjsip_logger",
        "chan_pjsip",
        "chan_bridge_media",
        "bridge_simple",
        "bridge_native_rtp",
        "bridge_holding",
        "bridge_softmix",
        "codec_a_mu",
        "codec_alaw",
        "codec_ulaw",
        "codec_g722",
        "codec_resample",
        "format_pcm",
        "format_wav",
        "format_sln",
        "pbx_config",
        "app_playback",
        "app_dial",
        "app_queue",
        "app_stack",
        "app_verbose",
        "app_echo",
        "app_exec",
        "app_userevent",
        "app_chanspy",
        "app_mixmonitor",
        "func_callerid",
        "func_channel",
        "func_cut",
        "func_devstate",
        "func_global",
        "func_groupcount",
        "func_hangupcause",
        "func_logic",
        "func_math",
        "func_periodic_hook",
        "func_pjsip_endpoint",
        "func_rand",
        "func_strings",
        "func_timeout",
        "func_uri",
        "func_volume",
        "cel_custom",
        "res_manager_devicestate",
    )
)

#: Any of these can turn opus into sound; the second is the vendor's, by separate download.
OPUS_MODULES: Final = frozenset({"codec_opus_open_source.so", "codec_opus.so"})

_OPTIONAL: Final = (
    # Keys that are pressed in the instant of a question, heard too (docs/asterisk.md).
    "app_dtmfstore.so",
    # Whether a desk phone that has fallen silent in a talk still answers (phone_watch.py).
    "func_pjsip_aor.so",
    "func_pjsip_contact.so",
    # Asterisk 22 moved the custom CEL writer's engine into a module of its own.
    "res_cdrel_custom.so",
    "res_format_attr_opus.so",
    "res_pjsip_dlg_options.so",
    "res_pjsip_empty_info.so",
    "codec_gsm.so",
    "format_gsm.so",
    "app_audiosocket.so",
    "res_audiosocket.so",
    *sorted(OPUS_MODULES),
)


def modules_to_load(present: frozenset[str]) -> tuple[str, ...]:
    """The `load` lines in order; `present` are the module files there are (optional ones load only then)."""
    return (*(name for name in _OPTIONAL if name in present), *_NEEDED)


def missing_modules(present: frozenset[str]) -> tuple[str, ...]:
    """The modules without which a call cannot be handled and which are not there; empty is good."""
    return tuple(name for name in _NEEDED if name not in present)
