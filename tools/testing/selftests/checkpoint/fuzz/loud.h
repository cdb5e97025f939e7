/* SPDX-License-Identifier: GPL-2.0 */
/* Where the symbols are that nothing should use; see unexpected.sh. */
#ifndef FUZZ_LOUD_H
#define FUZZ_LOUD_H

#define FUZZ_UNEXPECTED	0x60000000UL
#define FUZZ_PAGE	0x1000UL

extern const char *const fuzz_unexpected[];
extern const unsigned long fuzz_nr_unexpected;

void fuzz_be_loud(void);

#endif
