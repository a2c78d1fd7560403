#!/bin/sh
# shellcheck shell=dash disable=SC1091,SC2154 # lib.sh is beside it in the machine
# Things that programs in the kernel notice, while the recorder runs. What they should have seen
# is judged from outside: tests/tests/kernels/happenings.rs.
. /lib.sh

groups=/sys/fs/cgroup

mark() { load mark "$1" | tee -a "$out/marks"; }

prepare
uname -r >"$out/release"
mount -t cgroup2 none $groups && echo +memory >$groups/cgroup.subtree_control
nodemon-recorder check --dir "$recording" --ring-size 128MiB >"$out/check" 2>&1
mark start
nodemon-recorder run --dir "$recording" --ring-size 128MiB --cpu 1 -v --only ebpf --source mount \
    --source syscall --source stack_fault=events_per_s=10 \
    --source stack_io=command=dd --source stack_lock >"$out/recorder.log" 2>&1 &
recorder=$!
for _ in $(seq 600); do
    grep -q ' recording [0-9]* sources' "$out/recorder.log" && break
    kill -0 $recorder 2>/dev/null || die "the recorder ended"
    sleep 0.2
done
grep -q ' recording [0-9]* sources' "$out/recorder.log" || die "the recorder does not start"
mark recording
# On a busy host a source may still be being opened when the recorder stops to wait for it. Each look
# is some processes that end, so there are rows as soon as there can be.
log_lines() { grep -c "$1" "$out/recorder.log"; }
for _ in $(seq 150); do
    [ "$(log_lines 'being opened')" -le "$(log_lines 'responds again')" ] &&
        nodemon-query --dir "$recording" range -t process_event -f csv >/dev/null 2>&1 && break
    sleep 0.4
done
sleep 1

sh -c 'exit 7'
sleep 60 &
echo $! >"$out/signalled"
sleep 0.5 # until it is what it will be
kill -USR1 $!
wait $! 2>/dev/null
mkdir -p /tmp/mounted
mount -t tmpfs nodemon-test /tmp/mounted && umount /tmp/mounted
ping -c 5 127.0.0.1 >/dev/null
mkdir -p /tmp/served
dd if=/dev/zero of=/tmp/served/zeros bs=1000 count=200 2>/dev/null
httpd -p 127.0.0.1:5000 -h /tmp/served
wget -q -O /tmp/came http://127.0.0.1:5000/zeros
wc -c </tmp/came >"$out/came"
dd if=/dev/vda of=/dev/null bs=64k count=32 2>/dev/null
if mkdir $groups/small && echo 16M >$groups/small/memory.max; then
    sh -c "echo \$\$ >$groups/small/cgroup.procs; exec tail /dev/zero" 2>/dev/null
    grep '^oom_kill ' $groups/small/memory.events >"$out/oom"
fi
sleep 2
mark end

kill -TERM $recorder
wait $recorder
echo $? >"$out/recorder.status"
dmesg | grep -E 'BUG|WARNING|Oops|soft lockup|refcount' >"$out/complaints"
umount /disk || die "the disk cannot be unmounted"
exit 0
