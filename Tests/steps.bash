# What the project's scripts share: packages, and steps with a log and a duration. Sourced, never run.

# Names are compared and results matched in one locale that every Debian has.
export LC_ALL=C.UTF-8

# shellcheck disable=SC2034 # the scripts that source this use them
# What building needs beside Swift, what hostctl calls when it runs, and what only the tests call.
readonly build_packages=(
    pkg-config libostree-dev libssl-dev libcurl4-openssl-dev zlib1g-dev libzstd-dev libarchive-dev) \
    run_packages=(ostree mmdebstrap nginx-light binutils) \
    test_packages=(ostree mmdebstrap nginx-light squid busybox python3 systemd openssl e2fsprogs mount gcc libc6-dev libcap2-bin attr
        strace gzip zstd xz-utils libarchive-tools umoci skopeo cpio
        fdisk dosfstools mtools btrfs-progs xfsprogs qemu-utils qemu-system-x86 ovmf iproute2
        grub-common grub-pc-bin grub-efi-amd64-bin)

# Where the logs of steps go; a script sets it before its first step.
logs=${logs:-}

say() { printf '%s\n' "$*"; }

fail() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; exit 1; }

# Seconds since the epoch, with milliseconds.
now() { date +%s.%3N; }

# The seconds from START (a `now`) until now, with one decimal.
since() { awk -v a="$1" -v b="$(now)" 'BEGIN { printf "%.1f", b - a }'; }

# Times a command whose output goes to a log file named after TITLE. Afterwards $log is that file and $code the command's
# exit code. A function given as the command stops at its first failure, so never call this where bash ignores failures
# (after "if" or before "||").
timed() {
    local title=$1 start
    shift
    mkdir -p "$logs"
    log=$logs/$(tr -cs '[:alnum:]' - <<<"$title" | sed 's/^-//; s/-$//').log
    printf '%-52s ' "$title"
    start=$(now)
    set +e
    (set -e; "$@") >"$log" 2>&1 </dev/null
    code=$?
    set -e
    if ((code == 0)); then say "$(since "$start") s"; else say "failed after $(since "$start") s, exit code $code"; fi
}

# A timed command whose failure shows the end of its log and ends the script.
step() {
    timed "$@"
    ((code == 0)) && return
    say "The end of $log:"
    grep -av 'prohibited flag(s): -pthread' "$log" | tail -n 40 | sed 's/^/    /'
    exit "$code"
}

# Those of PACKAGE… that are not installed, one a line.
missing_packages() {
    local package
    for package; do
        [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true) == installed ]] || say "$package"
    done
}

# Where apt asks whether a service may start.
readonly service_policy=/usr/sbin/policy-rc.d

# No web server may start only because its package came, so apt is told "no", unless the machine has a policy of its own.
install_packages() {
    export DEBIAN_FRONTEND=noninteractive
    timeout 300 apt-get -q -o Acquire::Retries=3 update
    if [[ ! -e $service_policy ]]; then
        trap 'rm -f "$service_policy"' EXIT
        install -m 755 /dev/stdin "$service_policy" <<<$'#!/bin/sh\nexit 101'
    fi
    timeout 900 apt-get -q -y -o Acquire::Retries=3 -o APT::Install-Recommends=false \
        -o Dpkg::Options::=--force-unsafe-io install "$@"
}

# Makes sure that PACKAGE… are installed; touches nothing when they are.
need_packages() {
    local missing
    mapfile -t missing < <(missing_packages "$@")
    ((${#missing[@]} == 0)) && return
    ((EUID == 0)) || fail "run this as root, or first: apt-get install ${missing[*]}"
    step "Installing ${#missing[@]} packages" install_packages "${missing[@]}"
}

# A TCP port of 127.0.0.1 that nothing listens on.
free_port() {
    local port
    for _ in {1..50}; do
        port=$((20000 + RANDOM % 12000))
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { say "$port"; return; }
    done
    fail "found no free port"
}

# Starts nginx on 127.0.0.1:PORT, serving FOLDER read-only; its files go to STATE. It belongs to the caller, which ends it
# with stop_server STATE.
serve() {
    local folder=$1 port=$2 state=$3
    mkdir -p "$state"
    cat >"$state/nginx.conf" <<NGINX
pid $state/nginx.pid;
error_log $state/error.log;
worker_processes 2;
user root;
events { worker_connections 256; }
http {
    access_log $state/access.log;
    client_body_temp_path $state/body;
    proxy_temp_path $state/proxy;
    fastcgi_temp_path $state/fastcgi;
    uwsgi_temp_path $state/uwsgi;
    scgi_temp_path $state/scgi;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 100000;
    server { listen 127.0.0.1:$port; root $folder; }
}
NGINX
    /usr/sbin/nginx -e "$state/error.log" -c "$state/nginx.conf" -p "$state"
}

stop_server() {
    local pid
    pid=$(cat "$1/nginx.pid" 2>/dev/null) || return 0
    kill "$pid" 2>/dev/null || true
}
