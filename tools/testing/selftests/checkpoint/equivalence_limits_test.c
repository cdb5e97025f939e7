// SPDX-License-Identifier: GPL-2.0
/* Resource limits, scheduling, and what a caller under limits may make. */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "equivalence.h"

#define MB		(1UL << 20)

EQ_FIXTURE(equivalence_limits);

/* ---- Limits ---- */

static int ask_limit(const struct eq_case *c)
{
	return eq_errno(setrlimit(c->nr, &(struct rlimit){ c->value, c->value2 }));
}

/* As much of it as the hard limit allows. */
static int lower_limit(const struct eq_case *c)
{
	struct rlimit limit = {
		c->value < c->had[1] ? c->value : c->had[1],
		c->value2 < c->had[1] ? c->value2 : c->had[1],
	};

	return eq_errno(setrlimit(c->nr, &limit));
}

static void put_limit(struct fail_image *image, const struct eq_case *c)
{
	struct ckpt_process *process = eq_record(image, CKPT_REC_PROCESS);

	process->rlimits[c->nr][0] = c->value;
	process->rlimits[c->nr][1] = c->value2;
}

/* The limits are 1000 and 2000 units before. */
#define LIMIT(resource, unit, what, soft, hard, who, ...)		\
	{ .asks = #resource " " what, .axis = "object=\"rlimit\"", .may = who,	\
	  .nr = RLIMIT_##resource, .had = { 1000 * (unit), 2000 * (unit) },	\
	  .value = (soft) * (unit), .value2 = (hard) * (unit), .rig = eq_rig_limit, \
	  .ask = ask_limit, .lower = lower_limit, .doctor = put_limit,	\
	  .clamps = true, __VA_ARGS__ }
#define RAISED(resource, unit)						\
	LIMIT(resource, unit, "raised", 1000, 3000, EQ_ROOT),		\
	LIMIT(resource, unit, "raised, both", 2500, 3000, EQ_ROOT)
#define LOWERED(resource, unit)						\
	LIMIT(resource, unit, "up to the hard one", 2000, 2000, EQ_ALL),	\
	LIMIT(resource, unit, "lowered", 500, 800, EQ_ALL)

static const struct eq_case limits[] = {
	RAISED(NOFILE, 1), LOWERED(NOFILE, 1), RAISED(STACK, MB), RAISED(NPROC, 1),
	RAISED(NICE, 1), RAISED(RTPRIO, 1), RAISED(FSIZE, MB), RAISED(AS, MB), LOWERED(AS, MB),
};

EQ_TABLE(equivalence_limits, are_raised_with_cap_sys_resource_only, limits);

static const struct eq_case senseless[] = {
	{ .asks = "a soft limit above the hard one", .axis = "above the hard one", .err = EBADMSG,
	  .nr = RLIMIT_NOFILE, .had = { 1000, 2000 }, .value = 900, .value2 = 800,
	  .rig = eq_rig_limit, .ask = ask_limit, .doctor = put_limit },
	{ .asks = "more descriptors than anybody may have", .axis = "object=\"rlimit\"",
	  .nr = RLIMIT_NOFILE, .had = { 1000, 2000 }, .value = 1000, .value2 = RLIM_INFINITY,
	  .rig = eq_rig_limit, .ask = ask_limit, .lower = lower_limit, .doctor = put_limit,
	  .clamps = true },
};

EQ_TABLE(equivalence_limits, that_nobody_can_have_are_refused, senseless);

/* ---- Scheduling ---- */

static int ask_nice(const struct eq_case *c)
{
	return eq_errno(setpriority(PRIO_PROCESS, 0, c->nr));
}

static int nicer(const struct eq_case *c)
{
	return eq_errno(setpriority(PRIO_PROCESS, 0, c->value));
}

static int may_be_less_nice(const struct eq_case *c)
{
	struct rlimit limit = { 20 - c->nr, 20 - c->nr };

	return eq_errno(setrlimit(RLIMIT_NICE, &limit));
}

static void put_nice(struct fail_image *image, const struct eq_case *c)
{
	((struct ckpt_thread *)eq_record(image, CKPT_REC_THREAD))->nice = c->nr;
}

#define NICE(what, is, who, ...)					\
	{ .asks = what, .axis = "object=\"nice\"", .may = who, .nr = is, .clamps = true, \
	  .ask = ask_nice, .doctor = put_nice, __VA_ARGS__ }

static const struct eq_case niceness[] = {
	NICE("to be nice", 5, EQ_ALL), NICE("to be nicest", 19, EQ_ALL),
	NICE("to be less nice", -5, EQ_ROOT), NICE("to be least nice", -20, EQ_ROOT),
	NICE("to be no longer nice", 0, EQ_ROOT, .rig = nicer, .value = 5),
	NICE("to be less nice, within RLIMIT_NICE", -5, EQ_ALL, .rig = may_be_less_nice),
};

EQ_TABLE(equivalence_limits, of_niceness_hold, niceness);

static int set_policy(int policy)
{
	struct sched_param param = { .sched_priority = policy == SCHED_FIFO };

	return eq_errno(sched_setscheduler(0, policy, &param));
}

static int ask_policy(const struct eq_case *c)
{
	return set_policy(c->nr);
}

static int be_idle(const struct eq_case *c)
{
	return set_policy(SCHED_IDLE);
}

static void put_policy(struct fail_image *image, const struct eq_case *c)
{
	((struct ckpt_thread *)eq_record(image, CKPT_REC_THREAD))->policy = c->nr;
}

#define POLICY(what, is, who, ...)					\
	{ .asks = what, .axis = "object=\"nice\"", .may = who, .nr = is, .clamps = true, \
	  .ask = ask_policy, .doctor = put_policy, __VA_ARGS__ }

static const struct eq_case policies[] = {
	POLICY("SCHED_BATCH", SCHED_BATCH, EQ_ALL),
	POLICY("SCHED_IDLE", SCHED_IDLE, EQ_ALL),
	POLICY("SCHED_OTHER after SCHED_IDLE", SCHED_OTHER, EQ_ROOT, .rig = be_idle),
	POLICY("SCHED_IDLE after SCHED_IDLE", SCHED_IDLE, EQ_ALL, .rig = be_idle,
	       .stricter = EQ_ALL & ~EQ_ROOT,
	       .why = "a nice value is set by way of SCHED_OTHER"),
};

EQ_TABLE(equivalence_limits, of_scheduling_policies_hold, policies);

static const struct eq_case real_time[] = {
	{ .asks = "SCHED_FIFO", .axis = "value out of range", .err = EBADMSG, .may = EQ_ROOT,
	  .stricter = EQ_ROOT, .why = "real-time scheduling is not saved",
	  .nr = SCHED_FIFO, .ask = ask_policy, .doctor = put_policy },
};

EQ_TABLE(equivalence_limits, keep_real_time_out, real_time);

static int ask_cpus(const struct eq_case *c)
{
	return eq_errno(syscall(SYS_sched_setaffinity, 0, sizeof(c->value), &c->value));
}

static int stay_on_first(const struct eq_case *c)
{
	uint64_t first = 1;

	return eq_errno(syscall(SYS_sched_setaffinity, 0, sizeof(first), &first));
}

static int ask_all_cpus(const struct eq_case *c)
{
	uint64_t all = ~0ULL;

	return eq_errno(syscall(SYS_sched_setaffinity, 0, sizeof(all), &all));
}

static void put_cpus(struct fail_image *image, const struct eq_case *c)
{
	int rec = fail_image_find(image, CKPT_REC_THREAD, 0);
	struct {
		struct ckpt_thread thread;
		uint64_t cpus;
	} body;

	memcpy(&body.thread, fail_image_data(image, rec), sizeof(body.thread));
	body.thread.cpus_len = sizeof(body.cpus);
	body.cpus = c->value;
	eq_set_body(image, rec, &body, sizeof(body));
}

static int only_first(struct eq *eq)
{
	return fail_group_write(&eq->group, "cpuset.cpus", "0");
}

static void any_cpu(struct eq *eq)
{
	fail_group_write(&eq->group, "cpuset.cpus", "0-1");
}

#define CPUS(what, is, who, ...)					\
	{ .asks = what, .axis = "none of its CPUs", .may = who, .value = is, .err = EINVAL, \
	  .ask = ask_cpus, .doctor = put_cpus, __VA_ARGS__ }

static const struct eq_case cpus[] = {
	CPUS("the first CPU", 1, EQ_ALL),
	CPUS("a CPU that is not there", 0x80, EQ_NOBODY),
	CPUS("the second CPU after the first", 2, EQ_ALL, .rig = stay_on_first),
	CPUS("the second CPU, which the group does not have", 2, EQ_NOBODY,
	     .set = only_first, .unset = any_cpu),
	{ .asks = "all CPUs after the first", .axis = "", .may = EQ_ALL, .rig = stay_on_first,
	  .ask = ask_all_cpus },
};

EQ_TABLE(equivalence_limits, of_cpus_hold, cpus);

static int write_oom(int adj)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", adj);
	return eq_put("/proc/self/oom_score_adj", text);
}

static int ask_oom(const struct eq_case *c)
{
	return write_oom(c->nr);
}

static int rig_oom(const struct eq_case *c)
{
	return write_oom(c->value);
}

static void put_oom(struct fail_image *image, const struct eq_case *c)
{
	((struct ckpt_process *)eq_record(image, CKPT_REC_PROCESS))->oom_score_adj = c->nr;
}

#define OOM(what, is, who, ...)						\
	{ .asks = what, .axis = "object=\"oom_score_adj\"", .may = who, .nr = is, \
	  .clamps = true, .ask = ask_oom, .doctor = put_oom, __VA_ARGS__ }

static const struct eq_case oom[] = {
	OOM("to be killed before others", 500, EQ_ALL),
	OOM("to be killed after others", -500, EQ_ROOT),
	OOM("never to be killed", -1000, EQ_ROOT),
	OOM("less than it was given", 100, EQ_ROOT, .rig = rig_oom, .value = 300),
};

EQ_TABLE(equivalence_limits, of_oom_score_adj_hold, oom);

TEST_HARNESS_MAIN
