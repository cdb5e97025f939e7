#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# An image on another kernel than the one that wrote it.
# SECOND: debug
# PLAN: another kernel refuses the image and names the one that wrote it
# shellcheck source=common
. "$(dirname "$0")/common"

sleep_first()
{
	uname -r > "$dir/release"
	launch -- sleep 5000
	await "is_called sleep" && save
}

# The image itself is fine.
sleep_second()
{
	another_boot && expect 0 ckpt info -q "$image" &&
	refused EOPNOTSUPP vDSO "$(cat "$dir/release")" &&
	expect 125 ckpt restart -i "$image" --check 2> /dev/null
}

across "another kernel refuses the image and names the one that wrote it" sleep_first sleep_second
exit $failed
