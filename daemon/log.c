// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lines for the journal, which reads standard error and takes a level in angle
 * brackets in front of each. Every line is one write, so that none is torn.
 */
#include <ctype.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "log.h"

static atomic_int threshold = KSC_LOG_INFO;

/**
 * ksc_log_set_level() - say how much is logged
 * @level: the least important level that is
 */
void ksc_log_set_level(enum ksc_log_level level)
{
	threshold = level;
}

/**
 * ksc_log() - log a line
 * @level: how much it matters
 * @fmt: the line, without its end
 */
void ksc_log(enum ksc_log_level level, const char *fmt, ...)
{
	char line[1024];
	va_list args;
	int at = 0, len, i;

	if ((int)level > threshold)
		return;
	if (getenv("JOURNAL_STREAM"))
		at = snprintf(line, sizeof(line), "<%d>", (int)level);
	va_start(args, fmt);
	len = vsnprintf(line + at, sizeof(line) - 1 - (size_t)at, fmt, args);
	va_end(args);
	if (len < 0)
		return;
	at += len;
	if ((size_t)at > sizeof(line) - 2)
		at = (int)sizeof(line) - 2;
	/* Names come from peers: they may not write lines of their own. */
	for (i = 0; i < at; i++)
		if (iscntrl((unsigned char)line[i]))
			line[i] = '?';
	line[at++] = '\n';
	/* There is nowhere to complain to. */
	if (write(STDERR_FILENO, line, (size_t)at) < 0)
		return;
}
