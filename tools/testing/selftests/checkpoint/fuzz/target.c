// SPDX-License-Identifier: GPL-2.0
/*
 * One image: restart(2) with RESTART_CHECK, and what must be true of any.
 */
#include <ctype.h>
#include <errno.h>
#include <linux/checkpoint.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "kernel.h"
#include "loud.h"

/* Verdicts that the documentation knows. */
static void check_verdict(const struct fuzz_call *call, int err)
{
	switch (err) {
	case 0:
		if (call->result->bytes != call->bytes)
			fuzz_complain("more was read than the image");
		break;
	case -EBADMSG:
	case -ENOEXEC:
	case -EOPNOTSUPP:
		/* what is said needs memory, too */
		if (!*call->log && !call->fail)
			fuzz_complain("refused without a word");
		break;
	default:
		if (!(err == -ENOMEM && call->fail) && !(err == -EIO && call->error) &&
		    !(err == -EINTR && call->kill))
			fuzz_complain("an error that no image is refused with");
	}
}

static void check_log(const char *log)
{
	for (; *log; log++)
		if (!isprint((unsigned char)*log) && *log != '\n')
			fuzz_complain("the log is not printable");
}

char fuzz_log[1024];

int fuzz_one(const uint8_t *data, size_t size)
{
	static struct ckpt_result result;
	struct fuzz_call call = {
		.image = data, .len = size - FUZZ_CONTROL,
		.log = fuzz_log, .log_size = sizeof(fuzz_log), .result = &result,
	};
	int err;

	if (FUZZ_CONTROL) {
		call.fail = data[call.len] & 127;
		call.fail_on = data[call.len] & 128;
		call.chunk = data[call.len + 1];
		call.error = data[call.len + 2] & 127;
		if (data[call.len + 2] & 128) {
			call.kill = call.error;
			call.error = 0;
		}
	}
	fuzz_log[0] = 0;
	memset(&result, 0, sizeof(result));
	err = fuzz_restart_check(&call);
	check_verdict(&call, err);
	check_log(fuzz_log);
	return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size >= FUZZ_CONTROL)
		fuzz_one(data, size);
	return 0;
}

/* --seeds DIR IMAGE...: make seeds of images, instead of fuzzing */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	fuzz_be_loud();
	fuzz_boot();
	if (*argc > 3 && !strcmp((*argv)[1], "--seeds")) {
		fuzz_write_seeds((*argv)[2], *argv + 3, *argc - 3);
		exit(0);
	}
	return 0;
}
