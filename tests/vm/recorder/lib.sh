# shellcheck shell=dash
# What the scripts of the recorder in the machine share. Where the samples come from is on the
# kernel's command line: feed=module or feed=ebpf.

feed=$(sed -n 's/.*feed=\([a-z]*\).*/\1/p' /proc/cmdline)
recording=/disk/recording
out=/disk/out

die() {
    echo "FAIL $*"
    tail -n 20 "$out/recorder.log" 2>/dev/null
    dmesg | tail -n 5
    umount /disk 2>/dev/null
    exit 1
}

prepare() {
    mkdir -p /disk
    mount -t ext4 /dev/vda /disk || die "the disk cannot be mounted"
    mkdir -p "$out"
    if [ "$feed" = module ]; then
        insmod /nodemon.ko || die "nodemon.ko cannot be loaded"
    fi
}

# record: starts the recorder and waits until what it recorded of `cpu` can be read.
record() {
    record_from=$(load mark from | cut -d ' ' -f 3)
    nodemon-recorder run --dir "$recording" --ring-size 128MiB --cpu 1 --without ebpf >>"$out/recorder.log" 2>&1 &
    recorder=$!
    for _ in $(seq 200); do
        kill -0 "$recorder" 2>/dev/null || die "the recorder ended"
        nodemon-query --utc --dir "$recording" range -t cpu --from "@${record_from%?????????}" \
            -f csv >/tmp/rows 2>/dev/null && return
        sleep 0.2
    done
    die "the recorder runs, but there is nothing of cpu to read"
}
