#!/bin/sh
# SPDX-License-Identifier: ISC
#
# watch.sh FILE LOG: waits for the file to be replaced, writes its value as a line of LOG, and waits
# again. "ready" in LOG.ready, once more each time the watch is set up.
# Runs on the host and in a container.
file=$1 log=$2
while :; do
	inotifywait -e attrib -e delete_self "$file" 2>&1 >/dev/null |
		while read -r line; do
			case $line in *established*) echo ready >>"$log.ready" ;; esac
		done
	value=$(cat "$file") || value='not there'
	echo "$value" >>"$log"
done
