#!/bin/sh
# shellcheck shell=dash disable=SC1091,SC2154 # lib.sh is beside it in the machine
# The recorder until somebody cuts the power, and what the time is, all the while.
. /lib.sh

prepare
record
load mark recording
load beats
