# The update of the corpus as a host makes it: by hostctl's patches, and by ostree's static delta. Sourced by run.

# The tree MOMENT of the corpus as ostree deploys it. Its files are links; only folders are changed.
make_host_tree() {
    local moment=$1 tree=$updates/trees/$1 modules
    mkdir -p "$updates/trees"
    cp -al "$corpus/$moment" "$tree"
    modules=("$tree"/usr/lib/modules/*)
    mv "$tree/etc" "$tree/usr/etc"
    mv "$tree"/boot/vmlinuz-* "${modules[0]}/vmlinuz"
    mv "$tree"/boot/initrd.img-* "${modules[0]}/initramfs.img"
    rm -rf --one-file-system "$tree/boot" "$tree/var" "$tree"/{initrd.img,vmlinuz}*
    mkdir -p "$tree"/{boot,var,sysroot}
    ln -s sysroot/ostree "$tree/ostree"
}

commit_host() {
    local moment=$1 version=$2
    make_host_tree "$moment"
    ostree --repo="$updates/builds" commit --branch="bench/$moment" --tree=dir="$updates/trees/$moment" \
        --timestamp="2026-01-0$version 00:00:00Z" --bootable --subject="corpus $moment" \
        --add-metadata-string=version="$version" --bind-ref="bench/stable/$architecture" \
        --add-metadata-string=hostctl.channel=bench/stable --add-metadata-string=hostctl.architecture="$architecture"
}

publish_host() {
    "$binaries/hostctl" release publish "$updates/www/origin" --store "$updates/builds" "bench/$1" --key "$updates/key" \
        --patches "$2"
}

# What stock ostree serves: the commit that MOMENT names, under the channel's ref.
serve_stock() {
    ostree --repo="$updates/www/stock" refs --delete "bench/stable/$architecture" || true
    ostree --repo="$updates/www/stock" refs --create="bench/stable/$architecture" "bench/$1"
    ostree --repo="$updates/www/stock" summary --update
}

make_releases() {
    architecture=$(uname -m)
    mkdir -p "$updates/www"
    ostree init --repo="$updates/builds" --mode=bare
    commit_host before 1
    commit_host after 2
    "$binaries/hostctl" key generate "$updates/key"
    "$binaries/hostctl" release init "$updates/www/origin"
    publish_host before 0
    ostree init --repo="$updates/www/stock" --mode=archive
    ostree --repo="$updates/www/stock" pull-local "$updates/builds" bench/before bench/after
    serve_stock before
}

# Both hosts at the release before.
make_hosts() {
    "$binaries/hostctl" install sysroot "$updates/hostctl" --origin "$updates_url/origin" --channel bench/stable \
        --trusted-key "$updates/key.pub"
    local root=$updates/stock
    mkdir -p "$root"
    ostree admin init-fs --modern "$root"
    ostree admin os-init --sysroot="$root" bench
    ostree config --repo="$root/ostree/repo" set sysroot.bootloader none
    ostree --repo="$root/ostree/repo" remote add --no-gpg-verify origin "$updates_url/stock"
    ostree --repo="$root/ostree/repo" pull origin "bench/stable/$architecture"
    ostree admin deploy --sysroot="$root" --os=bench "origin:bench/stable/$architecture"
}

# Made once, because ostree takes minutes. hostctl's time has the archive objects in it, ostree's the delta alone.
make_delta() {
    local side begin wrapper
    for side in hostctl stock; do
        sync
        wrapper=(/usr/bin/time -o "$work/make.$side.kib" -f %M)
        begin=${EPOCHREALTIME/./}
        "make_delta_$side"
        awk -v us="$((${EPOCHREALTIME/./} - begin))" 'BEGIN { printf "%.3f\n", us / 1000 }' >"$work/make.$side.ms"
    done
    serve_stock after
    stat -c %s "$updates"/www/origin/patches/bench/stable/*/2.{index,pool} | sum_up >"$work/make.hostctl.bytes"
    find "$updates/www/stock/deltas" -type f -printf '%s\n' | sum_up >"$work/make.stock.bytes"
}

make_delta_hostctl() {
    call "$binaries/hostctl" release publish "$updates/www/origin" --store "$updates/builds" bench/after \
        --key "$updates/key" --patches 1
}

make_delta_stock() {
    call ostree --repo="$updates/www/stock" static-delta generate --from=bench/before --to=bench/after
}

sum_up() { awk '{ sum += $1 } END { print sum }'; }

make_updates() {
    make_releases
    make_hosts
    make_delta
}

# A copy of the sysroot at the release before; its files are links.
fresh_host() {
    host=$work/stores/$((store_count++))
    mkdir -p "$work/stores"
    cp -al "$updates/$side" "$host"
    sync
}

apply_hostctl() { call "$binaries/hostctl" upgrade --download-only --sysroot "$host"; }
apply_stock() { call ostree --repo="$host/ostree/repo" pull --require-static-deltas origin "bench/stable/$architecture"; }
apply_prepare() { fresh_host; }
upgrade_hostctl() { call "$binaries/hostctl" upgrade --sysroot "$host"; }
upgrade_stock() { call ostree admin upgrade --sysroot="$host" --os=bench; }
upgrade_prepare() { fresh_host; }

report_delta() {
    report make
    local ours stock
    read -r ours <"$work/make.hostctl.bytes"
    read -r stock <"$work/make.stock.bytes"
    row "  bytes" "$(megabytes "$ours")" "$(megabytes "$stock")" "$(awk "BEGIN { printf \"%.2f\", $ours / $stock }")" 0.64
}

megabytes() { awk -v b="$1" 'BEGIN { printf "%.1f MB", b / 1e6 }'; }
