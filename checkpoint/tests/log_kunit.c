// SPDX-License-Identifier: GPL-2.0
/* The caller's log: one line a message, nothing foreign but escaped. */
#include <linux/dcache.h>
#include <linux/string_helpers.h>

#include "fixture.h"

static void a_line_has_level_place_object_and_prose(struct kunit *test)
{
	struct ckpt_save *save = ckpt_kunit_save(test);

	save->where = (struct ckpt_where){
		.pid = 12, .comm = "sh", .fd = 3, .addr = 0x1000,
	};
	ckpt_refuse(save, "socket", "port %u", 80);
	KUNIT_EXPECT_STREQ(test, ckpt_kunit_log(&save->call),
			   "level=refuse pid=12 comm=\"sh\" fd=3 addr=0x1000 object=\"socket\": port 80\n");

	ckpt_kunit_forget(&save->call);
	save->where = (struct ckpt_where){ .fd = -1 };
	ckpt_warn(save, "nowhere");
	KUNIT_EXPECT_STREQ(test, ckpt_kunit_log(&save->call), "level=warn: nowhere\n");

	ckpt_kunit_forget(&save->call);
	save->where.fd = 0;
	ckpt_warn(save, "stdin");
	KUNIT_EXPECT_STREQ(test, ckpt_kunit_log(&save->call), "level=warn fd=0: stdin\n");
}

static void a_line_of_a_restart_names_the_record(struct kunit *test)
{
	struct ckpt_load *load = ckpt_kunit_load(test);
	struct ckpt_rec *rec = ckpt_kunit_rec(test, load, &ckpt_vma_ops, NULL, NULL, 0);

	rec->offset = 4711;
	KUNIT_EXPECT_EQ(test, -EIO, ckpt_fail(load, rec, -EIO, "no"));
	KUNIT_EXPECT_STREQ(test, ckpt_kunit_log(&load->call),
			   "level=error record=\"vma\" offset=4711: no\n");
}

static void a_refusal_is_counted_and_an_error_returned(struct kunit *test)
{
	struct ckpt_save *save = ckpt_kunit_save(test);

	KUNIT_EXPECT_EQ(test, 0, ckpt_refuse(save, "a", "b"));
	KUNIT_EXPECT_EQ(test, 0, ckpt_refuse(save, "a", "b"));
	ckpt_warn(save, "c");
	KUNIT_EXPECT_EQ(test, -ENODEV, ckpt_err(save, -ENODEV, "d"));
	KUNIT_EXPECT_EQ(test, 2, save->call.result.blockers);
}

static void an_axis_is_an_error_unless_it_may_be_lowered(struct kunit *test)
{
	struct ckpt_load *load = ckpt_kunit_load(test);

	KUNIT_EXPECT_EQ(test, -EPERM, ckpt_axis(load, NULL, "uid", "0"));
	CKPT_EXPECT_LOGGED(test, &load->call, "level=error object=\"uid\": 0\n");
	ckpt_kunit_forget(&load->call);
	load->call.flags = RESTART_CLAMP;
	KUNIT_EXPECT_EQ(test, 0, ckpt_axis(load, NULL, "uid", "0"));
	CKPT_EXPECT_LOGGED(test, &load->call, "level=clamp object=\"uid\": 0\n");
}

/* What a program calls itself can neither end its quotes nor the line. */
static void the_name_of_a_program_stays_in_its_quotes(struct kunit *test)
{
	static const struct {
		const char comm[TASK_COMM_LEN];
		const char *shown;
	} cases[] = {
		{ "a b=c: d", "comm=\"a b=c: d\":" },
		{ "a\" fd=7 x=\"", "comm=\"a\\\" fd=7 x=\\\"\":" },
		{ "a\\\" fd=7", "comm=\"a\\\\\\\" fd=7\":" },
		{ "a\nlevel=warn", "comm=\"a\\nlevel=warn\":" },
		{ "\033[2J\r\t\a", "comm=\"\\e[2J\\r\\t\\a\":" },
		{ "\303\251\377\200\177", "comm=\"\\303\\251\\377\\200\\177\":" },
		/* all 16 bytes, no NUL */
		{ "0123456789abcdef", "comm=\"0123456789abcdef\":" },
	};
	struct ckpt_save *save = ckpt_kunit_save(test);
	int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		ckpt_kunit_forget(&save->call);
		save->where.comm = cases[i].comm;
		ckpt_warn(save, "x");
		CKPT_EXPECT_LOGGED(test, &save->call, cases[i].shown);
	}
}

/* The name of a file reaches the log as %s and %pd, in the prose. */
static void the_name_of_a_file_is_no_line_of_its_own(struct kunit *test)
{
	struct ckpt_save *save = ckpt_kunit_save(test);
	struct dentry dentry = {
		.d_name = QSTR_INIT("f\nlevel=error: \377\033[m", 20),
	};

	ckpt_warn(save, "%pd is %s", &dentry, "g\nlevel=error: h");
	KUNIT_EXPECT_STREQ(test, ckpt_kunit_log(&save->call),
			   "level=warn: f\\nlevel=error: \\377\\e[m is g\\nlevel=error: h\n");
}

/* What %*pE has escaped is not escaped again. */
static void what_is_escaped_stays_as_it_is(struct kunit *test)
{
	struct ckpt_save *save = ckpt_kunit_save(test);

	ckpt_warn(save, "%*pE at 100%%", 4, "a\nb\001");
	KUNIT_EXPECT_STREQ(test, ckpt_kunit_log(&save->call),
			   "level=warn: a\\nb\\001 at 100%\n");
}

static void a_full_log_is_cut_and_the_true_size_counted(struct kunit *test)
{
	static const char line[] = "level=warn: 123456\n";
	struct ckpt_save *save = ckpt_kunit_save(test);
	size_t len = sizeof(line) - 1, size = 2 * len + 5;
	int i;

	ckpt_log_free(&save->call);
	KUNIT_ASSERT_EQ(test, 0, ckpt_log_init(&save->call, size));
	for (i = 0; i < 4; i++)
		ckpt_warn(save, "123456");
	KUNIT_EXPECT_EQ(test, 4 * len, save->call.log.true_size);
	KUNIT_EXPECT_EQ(test, size - 1, strlen(ckpt_kunit_log(&save->call)));
	KUNIT_EXPECT_STREQ(test, ckpt_kunit_log(&save->call) + 2 * len, "leve");
	KUNIT_EXPECT_EQ(test, 0, strncmp(ckpt_kunit_log(&save->call) + len, line, len));
}

static void a_caller_without_a_buffer_learns_its_size(struct kunit *test)
{
	struct ckpt_save *save = ckpt_kunit_save(test);

	ckpt_log_free(&save->call);
	KUNIT_ASSERT_EQ(test, 0, ckpt_log_init(&save->call, 0));
	KUNIT_EXPECT_NULL(test, save->call.log.buf.buffer);
	ckpt_warn(save, "x");
	KUNIT_EXPECT_EQ(test, strlen("level=warn: x\n"), save->call.log.true_size);
	ckpt_copy_result(&save->call, 0, 0);
	KUNIT_EXPECT_EQ(test, strlen("level=warn: x\n") + 1, save->call.result.log_true_size);
}

static void a_huge_buffer_costs_no_huge_memory(struct kunit *test)
{
	struct ckpt_save *save = ckpt_kunit_save(test);

	ckpt_log_free(&save->call);
	KUNIT_ASSERT_EQ(test, 0, ckpt_log_init(&save->call, U64_MAX));
	KUNIT_EXPECT_EQ(test, SZ_1M, save->call.log.buf.size);
}

/* Whatever the length, a line ends and the next begins. */
static void a_long_line_is_cut_but_ends(struct kunit *test)
{
	struct ckpt_save *save = ckpt_kunit_save(test);
	size_t len = 2 * PATH_MAX, i;
	const char *log;
	char *text;

	text = kunit_kzalloc(test, 2 * len, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, text);
	memset(text, 'a', len);
	/* all lengths around the line that just fits, and escapes that do not */
	for (i = len; i < len + 600; i++) {
		text[i] = i % 7 ? 'a' : '\n';
		ckpt_kunit_forget(&save->call);
		ckpt_warn(save, "%s", text);
		ckpt_warn(save, "next");
		log = ckpt_kunit_log(&save->call);
		KUNIT_ASSERT_EQ(test, strlen(log), save->call.log.true_size);
		KUNIT_ASSERT_STREQ(test, strchrnul(log, '\n'), "\nlevel=warn: next\n");
	}
	KUNIT_EXPECT_LT(test, strlen(log), 2 * PATH_MAX + 600);
}

/* To the last byte of a buffer of the caller's, and its NUL. */
static void the_caller_gets_what_fits_and_a_nul(struct kunit *test)
{
	struct ckpt_save *save = ckpt_kunit_save(test);
	u64 addr = ckpt_kunit_map(test, 1);
	char got[32];

	ckpt_log_free(&save->call);
	KUNIT_ASSERT_EQ(test, 0, ckpt_log_init(&save->call, 8));
	ckpt_warn(save, "x");
	memset(got, '#', sizeof(got));
	KUNIT_ASSERT_EQ(test, 0, copy_to_user(u64_to_user_ptr(addr), got, sizeof(got)));
	ckpt_log_copy(&save->call, addr, 8);
	KUNIT_ASSERT_EQ(test, 0, copy_from_user(got, u64_to_user_ptr(addr), sizeof(got)));
	KUNIT_EXPECT_STREQ(test, got, "level=w");
	KUNIT_EXPECT_EQ(test, '#', got[8]);
}

static struct kunit_case log_cases[] = {
	KUNIT_CASE(a_line_has_level_place_object_and_prose),
	KUNIT_CASE(a_line_of_a_restart_names_the_record),
	KUNIT_CASE(a_refusal_is_counted_and_an_error_returned),
	KUNIT_CASE(an_axis_is_an_error_unless_it_may_be_lowered),
	KUNIT_CASE(the_name_of_a_program_stays_in_its_quotes),
	KUNIT_CASE(the_name_of_a_file_is_no_line_of_its_own),
	KUNIT_CASE(what_is_escaped_stays_as_it_is),
	KUNIT_CASE(a_full_log_is_cut_and_the_true_size_counted),
	KUNIT_CASE(a_caller_without_a_buffer_learns_its_size),
	KUNIT_CASE(a_huge_buffer_costs_no_huge_memory),
	KUNIT_CASE(a_long_line_is_cut_but_ends),
	KUNIT_CASE(the_caller_gets_what_fits_and_a_nul),
	{}
};

static struct kunit_suite log_suite = {
	.name = "checkpoint_log",
	.test_cases = log_cases,
};
kunit_test_suite(log_suite);
