// SPDX-License-Identifier: GPL-2.0
/* Whole round trips. */
#include <string.h>

#include "cr.h"
#include "cr_image.h"

int cr_stop(struct cr *cr)
{
	return cr_checkpoint(cr) ?: cr_image_twins(cr) ?: cr_kill(cr);
}

int cr_move(struct cr *cr)
{
	return cr_stop(cr) ?: cr_restart(cr);
}

int cr_round_trips(struct cr *cr, const char *program, const char *arg, int generations)
{
	int err = cr_start_ready(cr, program, arg);

	while (!err && generations--)
		err = cr_move(cr);
	if (err)
		return err;
	cr_go(cr);
	return cr_wait_exit(cr);
}

int cr_round_trip(struct cr *cr, const char *program, const char *arg)
{
	return cr_round_trips(cr, program, arg, 1);
}

bool cr_logged(struct cr *cr, const char *text)
{
	return strstr(cr->log, text);
}
