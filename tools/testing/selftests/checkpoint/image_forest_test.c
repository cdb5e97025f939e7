// SPDX-License-Identifier: GPL-2.0
/*
 * Images with sound checksums whose records do not go together: sessions that nobody
 * could have made, threads that belong to nobody. Each is refused with its reason,
 * before anything is made. And what a reader must not believe of objects that few
 * images have.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "fail.h"

/* Which process of the image is which: roots first, then children in their order. */
enum { ROOT, SESSION, ZOMBIE, GROUP, BELOW };

static void *sleeper(void *unused)
{
	for (;;)
		pause();
	return NULL;
}

/* Leads a session, with a child in it. */
static void lead_session(void)
{
	if (setsid() < 0)
		_exit(1);
	fork();
	sleeper(NULL);
}

/* A namespace of names, a second thread, and an end of a socket whose peer is gone. */
static int family(const char *arg)
{
	siginfo_t info;
	int ends[2];
	pthread_t t;
	pid_t pid;

	if (unshare(CLONE_NEWUTS) || sethostname("forest", 6) ||
	    socketpair(AF_UNIX, SOCK_STREAM, 0, ends) || close(ends[1]))
		return errno;
	if (!fork())
		lead_session();
	pid = fork();
	if (!pid)
		_exit(7);
	if (waitid(P_PID, pid, &info, WEXITED | WNOWAIT))
		return errno;
	pid = fork();
	if (!pid)
		sleeper(NULL);
	if (setpgid(pid, pid))
		return errno;
	fail_nap(300);	/* until the session has its second process */
	return pthread_create(&t, NULL, sleeper, NULL);
}

const struct fail_target fail_targets[] = {
	{ "family", family },
	{ }
};

FIXTURE(forest) {
	struct fail_group group;
	struct fail_report report;
	struct fail_image image;
};

FIXTURE_SETUP(forest)
{
	int fd;

	fail_become_reaper();
	ASSERT_EQ(0, fail_group_make(&self->group));
	fd = fail_image_of(&self->group, "family", &self->image);
	ASSERT_LT(0, fd);
	close(fd);
	ASSERT_LT(0, fail_image_find(&self->image, CKPT_REC_PROCESS, BELOW));
}

FIXTURE_TEARDOWN(forest)
{
	fail_image_free(&self->image);
	fail_group_end(&self->group);
}

static struct ckpt_process *process(struct fail_image *image, int nr)
{
	return fail_image_data(image, fail_image_find(image, CKPT_REC_PROCESS, nr));
}

/* The first two are of the root, then each process has one. */
static struct ckpt_thread *thread(struct fail_image *image, int nr)
{
	return fail_image_data(image, fail_image_find(image, CKPT_REC_THREAD, nr));
}

static struct ckpt_thread *leader(struct fail_image *image, int nr)
{
	return thread(image, nr == ROOT ? 0 : nr + 1);
}

/* ---- Changes, one to each image ---- */

static void dead_thread(struct fail_image *image)
{
	struct ckpt_thread *t = thread(image, 1);

	t->flags = CKPT_THREAD_DEAD;
	t->exit_code = 0;
}

static void dead_alone(struct fail_image *image)
{
	leader(image, GROUP)->flags = CKPT_THREAD_DEAD;
}

static void other_leader(struct fail_image *image)
{
	leader(image, GROUP)->tid += 100000;
}

static void root_signal(struct fail_image *image)
{
	process(image, ROOT)->exit_signal = SIGUSR1;
}

static void names_below(struct fail_image *image)
{
	process(image, SESSION)->uts_ns = process(image, ROOT)->uts_ns;
}

static void memory_twice(struct fail_image *image)
{
	process(image, SESSION)->mm = process(image, ROOT)->mm;
}

static void handlers_twice(struct fail_image *image)
{
	process(image, SESSION)->sighand = process(image, ROOT)->sighand;
}

static void leads_no_group(struct fail_image *image)
{
	process(image, SESSION)->pgid = process(image, GROUP)->tgid;
}

static void others_session(struct fail_image *image)
{
	process(image, GROUP)->sid = process(image, ROOT)->tgid;
}

static void callers_group(struct fail_image *image)
{
	process(image, BELOW)->pgid = 0;
}

static void group_of_two(struct fail_image *image)
{
	process(image, BELOW)->pgid = process(image, GROUP)->tgid;
}

static void group_of_thread(struct fail_image *image)
{
	process(image, GROUP)->pgid = thread(image, 1)->tid;
}

static void parent_of_itself(struct fail_image *image)
{
	process(image, GROUP)->parent = process(image, GROUP)->tgid;
}

static void child_of_zombie(struct fail_image *image)
{
	process(image, GROUP)->parent = process(image, ZOMBIE)->tgid;
}

/* Its root is pid 1: of a new namespace, or of the caller's, whoever that is. */
static void become_init(struct fail_image *image, bool new_namespace)
{
	uint32_t old = process(image, ROOT)->tgid;
	int i;

	if (new_namespace)
		process(image, ROOT)->flags |= CKPT_PROCESS_NEW_PIDNS;
	process(image, ROOT)->tgid = 1;
	thread(image, 0)->tid = 1;
	for (i = SESSION; i < BELOW; i++)
		if (process(image, i)->parent == old)
			process(image, i)->parent = 1;
}

/* Pid 1 in a group whose leader there is not. */
static void init_in_group(struct fail_image *image)
{
	become_init(image, true);
	process(image, ROOT)->pgid = 77;
}

static void callers_init_in_session(struct fail_image *image)
{
	become_init(image, false);
	process(image, ROOT)->sid = 5;
	process(image, ROOT)->pgid = 5;
}

/* Pid 1 in a group or session that somebody else leads, who lives. */
static void init_in_childs_group(struct fail_image *image)
{
	become_init(image, true);
	process(image, ROOT)->pgid = process(image, GROUP)->tgid;
}

static void init_in_childs_session(struct fail_image *image)
{
	become_init(image, true);
	process(image, ROOT)->sid = process(image, SESSION)->tgid;
	process(image, ROOT)->pgid = process(image, SESSION)->tgid;
}

static void callers_init_in_childs(struct fail_image *image)
{
	become_init(image, false);
	process(image, ROOT)->sid = process(image, SESSION)->tgid;
	process(image, ROOT)->pgid = process(image, SESSION)->tgid;
}

static void init_below(struct fail_image *image)
{
	process(image, GROUP)->flags |= CKPT_PROCESS_NEW_PIDNS;
}

static void long_name(struct fail_image *image)
{
	struct ckpt_uts_ns *uts = fail_image_data(image, fail_image_find(image,
						  CKPT_REC_UTS_NS, 0));

	memset(uts->nodename, 'x', sizeof(uts->nodename));
}

static struct ckpt_file_external *external(struct fail_image *image)
{
	return fail_image_data(image, fail_image_find(image, CKPT_REC_FILE_EXTERNAL, 0));
}

static void other_kind(struct fail_image *image)
{
	external(image)->kind = 99;
}

static void external_position(struct fail_image *image)
{
	external(image)->file.pos = 1;
}

static void external_name(struct fail_image *image)
{
	external(image)->name_len += 100;
}

static void external_flags(struct fail_image *image)
{
	external(image)->file.flags = ~0;
}

/* The executable is a file that was opened to be read. */
static void executable(struct fail_image *image)
{
	struct ckpt_mm *mm = fail_image_data(image, fail_image_find(image, CKPT_REC_MM, 0));
	struct ckpt_file_path *file;
	int i;

	for (i = 0; i < image->nr; i++) {
		file = fail_image_data(image, i);
		if (image->rec[i].type == CKPT_REC_FILE_PATH && file->file.id == mm->exe)
			file->file.how = 0;
	}
}

static void other_framing(struct fail_image *image)
{
	((struct ckpt_preamble *)image->data)->framing++;
}

static void trailer_length(struct fail_image *image)
{
	struct ckpt_record *rec = (void *)(image->data + image->rec[image->nr - 1].at);

	rec->fixed -= 8;
}

static const struct {
	void (*change)(struct fail_image *image);
	int err;
	const char *why;
} changes[] = {
	{ dead_thread, -EBADMSG, "a dead thread that is no leader" },
	{ dead_alone, -EBADMSG, "live threads and state disagree" },
	{ other_leader, -EBADMSG, "the leader has another number" },
	{ root_signal, -EBADMSG, "a root with exit signal" },
	{ names_below, -EBADMSG, "a uts namespace below" },
	{ memory_twice, -EBADMSG, "belongs to another process already" },
	{ handlers_twice, -EBADMSG, "belongs to another process already" },
	{ leads_no_group, -EBADMSG, "does not lead its group" },
	{ others_session, -EBADMSG, "led by somebody else" },
	{ callers_group, -EBADMSG, "the caller's group in another session" },
	{ group_of_two, -EBADMSG, "is in two sessions" },
	{ group_of_thread, -EBADMSG, "is a thread's number" },
	{ parent_of_itself, -EBADMSG, "no live thread before it" },
	{ child_of_zombie, -EBADMSG, "no live thread before it" },
	{ init_in_group, -EBADMSG, "pid 1 in a session or group that it does not lead" },
	{ callers_init_in_session, -EBADMSG, "pid 1 in a session or group that it does not lead" },
	{ init_in_childs_group, -EBADMSG, "pid 1 in a session or group that it does not lead" },
	{ init_in_childs_session, -EBADMSG, "pid 1 in a session or group that it does not lead" },
	{ callers_init_in_childs, -EBADMSG, "pid 1 in a session or group that it does not lead" },
	{ init_below, -EBADMSG, "a pid namespace below" },
	{ long_name, -EBADMSG, "bad name" },
	{ other_kind, -EBADMSG, "unknown kind" },
	{ external_position, -EBADMSG, "unknown kind" },
	{ external_name, -EBADMSG, "bad name" },
	{ external_flags, -EBADMSG, "unknown file flags" },
	{ executable, -EBADMSG, "was not opened to execute" },
	{ other_framing, -ENOEXEC, "framing" },
	{ trailer_length, -EBADMSG, "trailer" },
};

static int try(FIXTURE_DATA(forest) *self, struct fail_image *image, uint64_t flags)
{
	fail_image_seal(image);
	return fail_image_restart(image, &self->group, flags, &self->report);
}

TEST_F(forest, that_is_sound_passes_a_check)
{
	EXPECT_EQ(0, try(self, &self->image, RESTART_CHECK)) {
		TH_LOG("%s", self->report.log);
	}
}

TEST_F(forest, whose_pid_1_leads_its_session_or_is_in_the_callers_passes_a_check)
{
	struct fail_image good;
	int i;

	for (i = 0; i < 4; i++) {
		fail_image_copy(&good, &self->image);
		become_init(&good, i & 1);
		if (i & 2)
			process(&good, ROOT)->sid = process(&good, ROOT)->pgid = 1;
		EXPECT_EQ(0, try(self, &good, RESTART_CHECK)) {
			TH_LOG("%d: %s", i, self->report.log);
		}
		fail_image_free(&good);
	}
}

TEST_F(forest, that_nobody_could_have_made_is_refused_with_its_reason)
{
	struct fail_image bad;
	size_t i;
	int err;

	for (i = 0; i < ARRAY_SIZE(changes); i++) {
		fail_image_copy(&bad, &self->image);
		changes[i].change(&bad);
		err = try(self, &bad, RESTART_CHECK);
		EXPECT_EQ(changes[i].err, err) {
			TH_LOG("%s: %s", changes[i].why, self->report.log);
		}
		EXPECT_NE(NULL, fail_logged(&self->report, changes[i].why)) {
			TH_LOG("no \"%s\": %s", changes[i].why, self->report.log);
		}
		fail_image_free(&bad);
	}
	EXPECT_TRUE(fail_no_children() && fail_group_empty(&self->group));
}

/* Records up to the first process, and none of what comes behind. */
TEST_F(forest, without_a_process_is_refused)
{
	int first = fail_image_find(&self->image, CKPT_REC_PROCESS, 0), i;
	struct fail_image none;
	int *order = calloc(first + 1, sizeof(*order));

	for (i = 0; i < first; i++)
		order[i] = i;
	order[first] = self->image.nr - 1;
	fail_image_build(&none, &self->image, order, first + 1);
	EXPECT_EQ(-EBADMSG, try(self, &none, RESTART_CHECK));
	EXPECT_NE(NULL, fail_logged(&self->report, "no process in the image")) {
		TH_LOG("%s", self->report.log);
	}
	fail_image_free(&none);
	free(order);
}

/* Without the records of its zombie, which the header still counts. */
TEST_F(forest, that_the_header_counts_otherwise_is_refused)
{
	int gone = fail_image_find(&self->image, CKPT_REC_PROCESS, ZOMBIE), i, nr = 0;
	int *order = calloc(self->image.nr, sizeof(*order));
	struct fail_image fewer;

	for (i = 0; i < self->image.nr; i++)
		if (i != gone && i != gone + 1)
			order[nr++] = i;
	fail_image_build(&fewer, &self->image, order, nr);
	EXPECT_EQ(-EBADMSG, try(self, &fewer, RESTART_CHECK));
	EXPECT_NE(NULL, fail_logged(&self->report, "HEADER counts other tasks")) {
		TH_LOG("%s", self->report.log);
	}
	fail_image_free(&fewer);
	free(order);
}

TEST_HARNESS_MAIN
