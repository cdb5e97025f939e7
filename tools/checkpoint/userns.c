// SPDX-License-Identifier: GPL-2.0
/*
 * A user namespace for callers who may not make a pid namespace otherwise.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "ckpt.h"
#include "sys.h"

static int write_map(const char *file, unsigned int id)
{
	char line[64];

	snprintf(line, sizeof(line), "%u %u 1\n", id, id);
	return write_file_at(AT_FDCWD, file, line);
}

/* The caller keeps its ids, so that files and images look the same inside. */
int enter_user_ns(void)
{
	unsigned int uid = geteuid(), gid = getegid();

	if (sys_unshare(CLONE_NEWUSER)) {
		say("cannot make a user namespace: %s; run as root, or allow them",
		    strerror(errno));
		return -1;
	}
	/* without this the kernel takes no group map from an ordinary user */
	if (write_file_at(AT_FDCWD, "/proc/self/setgroups", "deny") ||
	    write_map("/proc/self/uid_map", uid) ||
	    write_map("/proc/self/gid_map", gid)) {
		say("cannot map uid %u into a user namespace: %s; run as root instead",
		    uid, strerror(errno));
		return -1;
	}
	return 0;
}
