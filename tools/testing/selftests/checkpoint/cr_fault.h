/* SPDX-License-Identifier: GPL-2.0 */
/* Between the round-trip library and its injected faults. */
#ifndef CR_FAULT_H
#define CR_FAULT_H

#include "cr.h"

/* With CR_FAULT set: before a program starts; before each call. 0 if all was well. */
void cr_fault_setup(void);
int cr_fault_checkpoint(struct cr *cr);
int cr_fault_restart(struct cr *cr);

/* The calls alone, without a word on stderr. */
int cr_call_checkpoint(struct cr *cr, int fd);
int cr_call_restart(struct cr *cr, int fd);

#endif /* CR_FAULT_H */
