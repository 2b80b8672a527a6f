// SPDX-License-Identifier: GPL-2.0
/*
 * usage.c - how much memory the kernel uses for itself, and whether that grows: pages
 * that are nobody's else, and objects in its caches. The contracts are in usage.h.
 */
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../code/vmm/libvmm.h"
#include "usage.h"

/* The sum of the numbers behind @name in a file with several lines of it. */
static long sum_of(const char *path, const char *name)
{
	FILE *file = fopen(path, "re");
	char line[256];
	long sum = 0, n;

	if (!file)
		vmm_die("open %s", path);
	while (fgets(line, sizeof(line), file)) {
		char *at = line + strspn(line, " ");

		if (!strncmp(at, name, strlen(name)) && sscanf(at + strlen(name), " %ld", &n) == 1)
			sum += n;
	}
	fclose(file);
	return sum;
}

/* Pages that are not free, not on a CPU's free list, no process' and no cache's. */
static long kernel_pages(void)
{
	static const char *const others[] = {
		"nr_inactive_anon", "nr_active_anon", "nr_inactive_file", "nr_active_file",
		"nr_unevictable", "nr_isolated_anon", "nr_isolated_file", "nr_slab_reclaimable",
	};
	long pages = sum_of("/proc/zoneinfo", "managed");
	size_t i;

	pages -= sum_of("/proc/zoneinfo", "pages free") + sum_of("/proc/zoneinfo", "count:");
	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		pages -= proc_value("/proc/vmstat", others[i]);
	return pages;
}

/*
 * Pages of processes. What a process' end did not free, because somebody still held it,
 * is among them for ever. Not those in the swap cache: Linux 6.12 lets them lie there when
 * their process has ended, until it is short of memory.
 */
static long process_pages(void)
{
	return proc_value("/proc/vmstat", "nr_inactive_anon") +
	       proc_value("/proc/vmstat", "nr_active_anon") +
	       proc_value("/proc/vmstat", "nr_isolated_anon") +
	       proc_value("/proc/vmstat", "nr_unevictable") -
	       proc_value("/proc/vmstat", "nr_swapcached");
}

static struct usage_cache *find_cache(struct usage *usage, const char *name)
{
	struct usage_cache *cache = usage->caches;

	while (cache < usage->caches + usage->nr_caches && strcmp(cache->name, name))
		cache++;
	if (cache == usage->caches + usage->nr_caches) {
		strcpy(cache->name, name);
		cache->objects = LONG_MAX;
		usage->nr_caches++;
	}
	return cache;
}

/*
 * Objects in each kmalloc cache, once the CPUs have given back the slabs they held in
 * stock, which count as full. A CPU may have taken one again at once: the least counts.
 * All caches give back what they hold: with KASAN also objects that were freed long ago,
 * whose pages would come back at some later time.
 */
static void count_objects(struct usage *usage)
{
	DIR *dir = opendir("/sys/kernel/slab");
	struct dirent *entry;
	char path[320], text[64];

	while (dir && (entry = readdir(dir)) && usage->nr_caches < USAGE_MAX_CACHES - 1) {
		struct usage_cache *cache;

		snprintf(path, sizeof(path), "/sys/kernel/slab/%s/shrink", entry->d_name);
		proc_write(path, "1");
		if (strncmp(entry->d_name, "kmalloc-", 8) || strlen(entry->d_name) > 31)
			continue;
		snprintf(path, sizeof(path), "/sys/kernel/slab/%s/objects", entry->d_name);
		if (proc_read(path, text, sizeof(text)) <= 0)
			continue;
		cache = find_cache(usage, entry->d_name);
		if (atol(text) < cache->objects)
			cache->objects = atol(text);
	}
	if (dir)
		closedir(dir);
	if (usage->nr_caches <= 5)
		vmm_die("no caches in /sys/kernel/slab");
}

void usage_measure(struct usage *usage)
{
	int i;

	usage->nr_caches = 0;
	for (i = 0; i < 6; i++) {	/* what is freed by RCU or a worker takes a moment */
		proc_write("/proc/sys/vm/drop_caches", "3");
		usleep(100000);
		if (i > 1)
			count_objects(usage);
	}
	usage->pages = kernel_pages();
	usage->process_pages = process_pages();
}

bool usage_is_leak(long before, long middle, long after, long noise)
{
	return middle - before >= noise / 2 && after - middle >= noise / 2 &&
	       after - before >= noise;
}

int usage_leaks(struct usage *usage, long noise)
{
	int found = 0, i;

	printf("kernel pages: %ld, %+ld, %+ld\n", usage[0].pages, usage[1].pages - usage[0].pages,
	       usage[2].pages - usage[1].pages);
	found += usage_is_leak(usage[0].pages, usage[1].pages, usage[2].pages, noise);
	printf("processes' pages: %ld, %+ld, %+ld\n", usage[0].process_pages,
	       usage[1].process_pages - usage[0].process_pages,
	       usage[2].process_pages - usage[1].process_pages);
	found += usage_is_leak(usage[0].process_pages, usage[1].process_pages,
			       usage[2].process_pages, noise);
	for (i = 0; i < usage[0].nr_caches; i++) {
		const char *name = usage[0].caches[i].name;
		long before = usage[0].caches[i].objects;
		long middle = find_cache(&usage[1], name)->objects;
		long after = find_cache(&usage[2], name)->objects;

		if (after - before >= noise / 2)
			printf("%s: %+ld, %+ld objects\n", name, middle - before, after - middle);
		found += usage_is_leak(before, middle, after, noise);
	}
	return found;
}
