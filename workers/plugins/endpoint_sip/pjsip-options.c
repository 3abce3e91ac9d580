/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/plugins/endpoint_sip/pjsip-options.h"

#include <stddef.h>

#include "lib/util.h"

static const char *const aor[] = {
        "authenticate_qualify", "contact", "default_expiration", "mailboxes", "max_contacts", "maximum_expiration",
        "minimum_expiration", "outbound_proxy", "qualify_2xx_only", "qualify_frequency", "qualify_timeout", "remove_existing",
        "remove_unavailable", "support_path", "type", "voicemail_extension", NULL,
};

static const char *const auth[] = {
        "auth_type", "md5_cred", "nonce_lifetime", "oauth_clientid", "oauth_secret", "password", "password_digest", "realm",
        "refresh_token", "supported_algorithms_uac", "supported_algorithms_uas", "type", "username", NULL,
};

static const char *const endpoint[] = {
        "100rel", "accept_multiple_sdp_answers", "accountcode", "acl", "aggregate_mwi", "allow", "allow_overlap",
        "allow_subscribe", "allow_transfer", "allow_unauthenticated_options", "aors", "asymmetric_rtp_codec", "auth",
        "bind_rtp_to_media_address", "bundle", "call_group", "callerid", "callerid_privacy", "callerid_tag",
        "codec_prefs_incoming_answer", "codec_prefs_incoming_offer", "codec_prefs_outgoing_answer",
        "codec_prefs_outgoing_offer", "connected_line_method", "contact_acl", "contact_deny", "contact_permit",
        "contact_user", "context", "cos_audio", "cos_video", "deny", "device_state_busy_at", "direct_media",
        "direct_media_glare_mitigation", "direct_media_method", "disable_direct_media_on_nat", "disallow",
        "dtls_auto_generate_cert", "dtls_ca_file", "dtls_ca_path", "dtls_cert_file", "dtls_cipher", "dtls_fingerprint",
        "dtls_private_key", "dtls_rekey", "dtls_setup", "dtls_verify", "dtmf_mode", "fax_detect", "fax_detect_timeout",
        "follow_early_media_fork", "follow_redirect_methods", "force_avp", "force_rport", "from_domain", "from_user",
        "g726_non_standard", "geoloc_incoming_call_profile", "geoloc_outgoing_call_profile", "ice_support", "identify_by",
        "ignore_183_without_sdp", "inband_progress", "incoming_call_offer_pref", "incoming_mwi_mailbox", "language",
        "mailboxes", "max_audio_streams", "max_video_streams", "media_address", "media_encryption",
        "media_encryption_optimistic", "media_use_received_transport", "message_context", "moh_passthrough", "moh_suggest",
        "mwi_from_user", "mwi_subscribe_replaces_unsolicited", "named_call_group", "named_pickup_group",
        "notify_early_inuse_ringing", "one_touch_recording", "outbound_auth", "outbound_proxy", "outgoing_call_offer_pref",
        "overlap_context", "permit", "pickup_group", "preferred_codec_only", "record_off_feature", "record_on_feature",
        "redirect_method", "refer_blind_progress", "rewrite_contact", "rpid_immediate", "rtcp_mux", "rtp_engine", "rtp_ipv6",
        "rtp_keepalive", "rtp_symmetric", "rtp_timeout", "rtp_timeout_hold", "sdp_owner", "sdp_session",
        "security_mechanisms", "security_negotiation", "send_aoc", "send_connected_line", "send_diversion",
        "send_history_info", "send_pai", "send_rpid", "set_var", "srtp_tag_32", "stir_shaken", "stir_shaken_profile",
        "sub_min_expiry", "subscribe_context", "suppress_moh_on_sendonly", "suppress_q850_reason_headers",
        "t38_bind_udptl_to_media_address", "t38_udptl", "t38_udptl_ec", "t38_udptl_ipv6", "t38_udptl_maxdatagram",
        "t38_udptl_nat", "tenantid", "timers", "timers_min_se", "timers_sess_expires", "tone_zone", "tos_audio", "tos_video",
        "transport", "trust_connected_line", "trust_id_inbound", "trust_id_outbound", "type", "use_avpf", "use_ptime",
        "user_eq_phone", "voicemail_extension", "webrtc", NULL,
};

static const char *const identify[] = {"endpoint", "match", "match_header", "srv_lookups", NULL};

static const char *const registration[] = {
        "auth_rejection_permanent", "client_uri", "contact_header_params", "contact_user", "expiration",
        "fatal_retry_interval", "forbidden_retry_interval", "line", "max_retries", "outbound_proxy", "retry_interval",
        "server_uri", "support_outbound", "support_path", "transport", NULL,
};

const struct pjsip_section pjsip_sections[PJSIP_SECTIONS] = {
        {"aor", "aor_section_options", aor, .free = true},
        {"auth", "auth_section_options", auth},
        {"endpoint", "endpoint_section_options", endpoint, .free = true},
        {"identify", "identify_section_options", identify},
        {"registration", "registration_section_options", registration},
        {"registration_outbound_auth", "registration_outbound_auth_section_options", auth},
        {"outbound_auth", "outbound_auth_section_options", auth},
};

bool pjsip_knows(const struct pjsip_section *section, const char *option) {
        if (section->free && option[0] == '@')
                return true;
        for (const char *const *known = section->options; *known; known++)
                if (streq(*known, option))
                        return true;
        return false;
}
