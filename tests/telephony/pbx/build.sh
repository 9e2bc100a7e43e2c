#!/usr/bin/env bash
# Unpacks a private Asterisk for the tests into $AST_HOME; says "already built" when it is there.
#
# Debian 12 has no Asterisk, so the packages of another suite are only unpacked, never installed, and
# Asterisk is run by the loader among them: no root, no chroot, the machine's own libc is not touched.
# The mirror is the one that this machine's apt uses; only the suite differs.
set -euo pipefail
AST_HOME=${AST_HOME:-${XDG_CACHE_HOME:-$HOME/.cache}/otklik/asterisk}
AST_SUITES=${AST_SUITES:-"sid trixie-backports"}   # the first that has asterisk
ROOT=$AST_HOME/root
ARCH=$(dpkg --print-architecture)
MULTI=$(dpkg-architecture -qDEB_HOST_MULTIARCH 2>/dev/null || echo "$(uname -m)-linux-gnu")

# What calls need (media, PJSIP, ARI); the other modules want 130 more packages.
MODULES="app_stasis app_dial app_playback app_verbose app_record app_senddtmf app_read app_echo
 bridge_simple bridge_softmix bridge_native_rtp bridge_holding bridge_builtin_features
 chan_pjsip chan_bridge_media chan_rtp
 codec_a_mu codec_alaw codec_ulaw codec_g722 codec_resample codec_gsm
 format_pcm format_sln format_wav format_gsm
 func_callerid func_channel func_hangupcause func_logic func_strings func_timeout
 func_pjsip_endpoint func_groupcount func_talkdetect
 pbx_config res_timing_timerfd res_musiconhold res_crypto res_geolocation
 res_ari res_ari_applications res_ari_asterisk res_ari_bridges res_ari_channels
 res_ari_device_states res_ari_endpoints res_ari_events res_ari_model res_ari_playbacks
 res_ari_recordings res_ari_sounds res_http_websocket res_websocket_client
 res_stasis res_stasis_answer res_stasis_playback res_stasis_recording res_stasis_snoop
 res_stasis_device_state res_rtp_multicast
 res_pjproject res_pjsip res_pjsip_session res_pjsip_sdp_rtp res_pjsip_caller_id
 res_pjsip_dtmf_info res_pjsip_rfc3326 res_pjsip_header_funcs
 res_pjsip_endpoint_identifier_ip res_pjsip_endpoint_identifier_user
 res_pjsip_endpoint_identifier_anonymous res_pjsip_authenticator_digest
 res_pjsip_outbound_authenticator_digest res_pjsip_outbound_registration
 res_pjsip_registrar res_pjsip_nat res_pjsip_acl res_pjsip_diversion res_pjsip_pubsub
 res_rtp_asterisk res_srtp res_sorcery_config res_sorcery_memory res_sorcery_astdb
 res_security_log res_mutestream"

log() { echo "build.sh: $*" >&2; }
die() { log "$*"; exit 1; }

mirror() {
  local code
  code=$(. /etc/os-release; echo "$VERSION_CODENAME")
  apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
    awk -v c="$code" '$2 == c && $3 == "main" {print $1; exit}'
}

# An apt of its own in $1; its dpkg knows of nothing installed, so every library comes along.
private() {
  OPTS=(-q -o Dir::Etc::sourcelist="$1/src.list" -o Dir::Etc::sourceparts=/dev/null
        -o Dir::Etc::preferencesparts=/dev/null -o Dir::State="$1/state"
        -o Dir::State::lists="$1/lists" -o Dir::State::status="$1/status"
        -o Dir::Cache="$1/cache" -o APT::Sandbox::User= -o APT::Install-Recommends=false
        -o Acquire::Languages=none -o Acquire::Retries=3
        -o Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled=false
        -o APT::Architectures="$ARCH" -o APT::Get::List-Cleanup=false)
}

# Of a package's Depends on stdin the first alternatives whose names match $1.
needs() {
  sed -n 's/^Depends: //p' | tr ',' '\n' | sed 's/|.*//; s/(.*//; s/ //g' | grep -E "$1"
}

mkdir -p "$AST_HOME"
exec 9>"$AST_HOME/lock"
flock 9
stamp="$(sha256sum <"${BASH_SOURCE[0]}" | cut -c1-16) $AST_SUITES"
if [ -x "$AST_HOME/asterisk" ] && [ "$(cat "$ROOT/.stamp" 2>/dev/null)" = "$stamp" ]; then
  log "already built"
  exit 0
fi

uri=$(mirror)
[ -n "$uri" ] || die "this machine's apt has no mirror of its release (apt-get update?)"
suite=""
for each in $AST_SUITES; do
  d=$AST_HOME/apt/$each
  mkdir -p "$d"/{state,lists/partial,cache/archives/partial}
  : >"$d/status"
  key=$(ls /usr/share/keyrings/debian-archive-keyring.{pgp,gpg} 2>/dev/null | head -1 || true)
  echo "deb ${key:+[signed-by=$key] }$uri $each main" >"$d/src.list"
  private "$d"
  apt-get "${OPTS[@]}" update >"$d/update.log" 2>&1 || { log "$each: no index"; continue; }
  if apt-cache "${OPTS[@]}" show --no-all-versions asterisk >"$d/asterisk.txt" 2>/dev/null &&
     [ -s "$d/asterisk.txt" ]; then suite=$each; break; fi
  log "$each: no asterisk"
done
[ -n "$suite" ] || die "none of $AST_SUITES has asterisk"

# The libraries of the daemon itself and those of the RTP modules.
libs="$(needs '^lib' <"$d/asterisk.txt") $(apt-cache "${OPTS[@]}" show --no-all-versions \
  asterisk-modules | needs '^lib(srtp|ssl)')"
log "fetching from $suite"
rm -f "$d"/cache/archives/*.deb
# shellcheck disable=SC2086
apt-get "${OPTS[@]}" -y --download-only install $libs >"$d/install.log" 2>&1 ||
  { tail -5 "$d/install.log" >&2; die "the packages cannot be fetched"; }
(cd "$d/cache/archives" && apt-get "${OPTS[@]}" download asterisk asterisk-modules \
  >>"$d/install.log" 2>&1) || die "the packages cannot be fetched"

NEW=$ROOT.new   # beside, put in the place at the end
rm -rf "$NEW"
mkdir -p "$NEW/modules"
for each in "$d"/cache/archives/*.deb; do dpkg-deb -x "$each" "$NEW"; done
brought=$(find "$NEW/usr/lib" -type d -path '*/asterisk/modules' | head -1)
for each in $MODULES; do
  if [ -e "$brought/$each.so" ]; then mv "$brought/$each.so" "$NEW/modules/"; else log "no $each"; fi
done
# The documentation of the options stays: PJSIP and ARI refuse to load without it.
rm -rf "$brought" "$NEW"/usr/share/{icons,info,perl5,doc,man,locale,lintian,zoneinfo} \
  "$NEW/usr/share/bash-completion" "$NEW/usr/lib/$MULTI/gconv" "$NEW"/{var,etc,run} "$d/cache" "$d/lists"
ld=$(find "$NEW" \( -name 'ld-linux-*.so.*' -o -name 'ld-*.so' \) | head -1)
[ -n "$ld" ] || die "no loader among the packages"
missing=$(for each in "$NEW/usr/sbin/asterisk" "$NEW"/modules/*.so; do
  "$ld" --library-path "$NEW/usr/lib/$MULTI:$NEW/lib/$MULTI:$NEW/usr/lib" --list "$each" 2>&1 |
    grep 'not found' || true
done)
[ -z "$missing" ] || die "libraries are missing: $missing"
echo "$stamp" >"$NEW/.stamp"
rm -rf "$ROOT"
mv "$NEW" "$ROOT"
ld=$ROOT${ld#"$NEW"}
cat >"$AST_HOME/asterisk" <<EOW
#!/bin/sh
exec "$ld" --library-path "$ROOT/usr/lib/$MULTI:$ROOT/lib/$MULTI:$ROOT/usr/lib:$ROOT/lib" \
  "$ROOT/usr/sbin/asterisk" "\$@"
EOW
chmod +x "$AST_HOME/asterisk"
"$AST_HOME/asterisk" -V >/dev/null || { rm -f "$ROOT/.stamp"; die "asterisk does not run"; }
log "built $("$AST_HOME/asterisk" -V)"
