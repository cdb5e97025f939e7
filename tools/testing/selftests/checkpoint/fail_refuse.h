/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A fixture for targets that are refused. Behind the harness and fail.h.
 *
 * REFUSED(target, words...): the log has one line with all these words.
 */
#ifndef FAIL_REFUSE_H
#define FAIL_REFUSE_H

#include <errno.h>
#include <sys/mman.h>

/* What a preparation returns after a call. What is not configured is no failure. */
static inline int made(long ret)
{
	if (ret >= 0)
		return 0;
	return errno == ENOSYS || errno == EOPNOTSUPP || errno == EAFNOSUPPORT ||
	       errno == ENODEV || errno == ENOENT || errno == ENOSPC ? FAIL_SKIP : errno;
}

FIXTURE(refused) {
	struct fail_group group;
	struct fail_report report;
	struct fail_report check;
	int err;
	pid_t pid;
};

FIXTURE_SETUP(refused)
{
	fail_become_reaper();
	self->err = -EAGAIN;
	ASSERT_EQ(0, fail_group_make(&self->group));
}

FIXTURE_TEARDOWN(refused)
{
	fail_group_end(&self->group);
	fail_children_end();
	fail_objects_remove();
}

static inline void refuse(struct __test_metadata *_metadata, FIXTURE_DATA(refused) *self,
			  const char *target, const char *const *words)
{
	int fd = memfd_create("image", MFD_CLOEXEC);
	const char *line;

	self->pid = fail_start(&self->group, target, self->group.path);
	if (self->pid == -FAIL_SKIP)
		SKIP(return, "not on this kernel");
	ASSERT_LT(0, self->pid) {
		TH_LOG("cannot prepare: %s", strerror(-self->pid));
	}
	EXPECT_EQ(self->err, fail_checkpoint(&self->group, fd, 0, 0, &self->report)) {
		TH_LOG("%s", self->report.log);
	}
	EXPECT_LE(1, self->report.result.blockers);
	/* what does not stand still is not captured */
	EXPECT_LE(CKPT_STAGE_COLLECT, self->report.result.stage);
	EXPECT_GE(CKPT_STAGE_CAPTURE, self->report.result.stage);
	EXPECT_EQ(0, lseek(fd, 0, SEEK_END));
	close(fd);
	line = fail_log_line(&self->report, words);
	EXPECT_NE(NULL, line) {
		TH_LOG("%s", self->report.log);
	}
	if (line) {
		EXPECT_EQ(0, strncmp(line, "level=refuse ", 13));
		EXPECT_NE(NULL, strstr(line, "pid="));
		EXPECT_NE(NULL, strstr(line, "object=\""));
		EXPECT_NE(NULL, strstr(line, ": "));
	}
	EXPECT_EQ(self->err, fail_checkpoint(&self->group, 0, CHECKPOINT_CHECK, 0, &self->check));
	EXPECT_EQ(self->report.result.blockers, self->check.result.blockers);
	EXPECT_STREQ(self->report.log, self->check.log);
	EXPECT_TRUE(fail_beats(self->pid));
}

#define OBJECT(name) "object=\"" name "\""

#define REFUSED(target, ...)							\
TEST_F(refused, target)								\
{										\
	refuse(_metadata, self, #target, (const char *const []){ __VA_ARGS__, NULL }); \
}

#endif /* FAIL_REFUSE_H */
