// SPDX-License-Identifier: MIT OR Apache-2.0
/* Memory that is not freed, a MB a second, beside memory that is. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void *kept[1 << 20];
static unsigned long kept_count, leaked_bytes;

__attribute__((noipa)) void *leak_here(unsigned long bytes)
{
	char *memory = malloc(bytes);

	memory[0] = 1;
	leaked_bytes += bytes;
	return memory;
}

__attribute__((noipa)) void *called_to_leak(unsigned long bytes)
{
	kept[kept_count] = leak_here(bytes);
	return kept[kept_count++];
}

__attribute__((noipa)) void churn_here(int i)
{
	void *aligned = NULL;
	char *memory = malloc(300 + i % 700), *zeros = calloc(3, 100 + i % 100);

	memory = realloc(memory, 2000 + i % 1000);
	memory[0] = zeros[0];
	if (posix_memalign(&aligned, 64, 4096))
		abort();
	memset(aligned, memory[0], 16);
	free(aligned);
	free(zeros);
	free(memory);
	if (i % 100 == 0)
		free(realloc(malloc(100000), 200000));
}

int main(int count, char **arguments)
{
	int leaks = strcmp(arguments[1], "leak") == 0;

	setvbuf(stdout, NULL, _IONBF, 0);
	getchar();
	for (int i = 0; i < MILLISECONDS; i++) {
		if (leaks)
			called_to_leak(1000 + i % 97);
		churn_here(i);
		usleep(900);
	}
	printf("%lu\n", leaked_bytes);
	pause();
	return count;
}
