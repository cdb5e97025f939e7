// SPDX-License-Identifier: GPL-2.0
/*
 * Who was saved. The kernel's hold on a group ends with checkpoint(2); from
 * then on anybody may thaw the group or move processes there. Those that are
 * not in the image must not be killed, nor be taken for saved.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "guardian.h"

#define FROZEN_MS	1000
#define GONE_MS		500

/*
 * Notes the processes of a group that was asked to freeze, once they do so and
 * can make no others. Whether they do at all is for checkpoint(2) to say.
 */
int members_note(struct pidset *members, const struct cgroup *cg, uint64_t ms)
{
	if (cgroup_wait_event(cg->dir, "frozen", 1, ms) && errno == ETIMEDOUT)
		return ST_OK;
	if (!cgroup_pids(cg->dir, members, true))
		return ST_OK;
	say("cannot read the processes of group %s: %s", escape_str(cg->path), strerror(errno));
	return ST_FAILED;
}

/* Are they frozen to this moment, and nobody else there? */
int members_check(const struct pidset *members, const struct cgroup *cg)
{
	struct pidset now = { 0 };
	pid_t other = 0;
	size_t i;

	if (cgroup_freeze_state(cg->dir) != 1 ||
	    cgroup_wait_event(cg->dir, "frozen", 1, FROZEN_MS)) {
		say("group %s was thawed while its programs were saved; try again",
		    escape_str(cg->path));
		return ST_AGAIN;
	}
	if (cgroup_pids(cg->dir, &now, true)) {
		say("cannot read the processes of group %s: %s", escape_str(cg->path),
		    strerror(errno));
		return ST_FAILED;
	}
	for (i = 0; i < now.nr && !other; i++)
		if (!pidset_has(members, now.v[i]))
			other = now.v[i];
	pidset_free(&now);
	if (!other)
		return ST_OK;
	say("process %d came into group %s while it was saved; try again", other,
	    escape_str(cg->path));
	return ST_AGAIN;
}

/*
 * Waits until nothing has their pids, which a restart may be about to want; in
 * vain where a parent does not wait for its child.
 */
void members_await_end(const struct pidset *members)
{
	uint64_t end = now_ms() + GONE_MS;
	size_t i;

	for (i = 0; i < members->nr; i++)
		while ((!kill(members->v[i], 0) || errno != ESRCH) && now_ms() < end)
			sleep_ms(2);
}
