// SPDX-License-Identifier: GPL-2.0
/*
 * engine.c - every interleaving. From each state that is met for the first time every CPU
 * that can go on does one step, which ends where it is about to touch something that
 * others touch too, and the state after it is checked (world.c). A state that was met
 * before leads nowhere new, whatever the schedule that led there.
 *
 * What others touch is found out on the way: as long as a thing has been seen in the hands
 * of one CPU only, or nobody changes it, or all hold one lock for it, nobody can tell when
 * it is touched. Once that is seen to be wrong, all begins again with that known.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "engine.h"
#include "fiber.h"
#include "machine.h"
#include "world.h"

struct engine *engine;

/* What a CPU is about to do, or waits for. Part of the machine: it is what makes a state. */
enum waits { WAITS_NOT, WAITS_LOCK, WAITS_CHANGE };

static struct pending {
	const char *where, *how, *what;
	enum waits waits;
	const struct host_lock *lock;
	bool write;
	const unsigned int *value;	/* it goes on when this is no longer ... */
	unsigned int was;		/* ... this */
} pending[MAX_CPUS];

/* It has done something in this step that others notice: the next such thing is another step. */
static bool acted[MAX_CPUS];

static struct host_context held[MAX_CPUS];

/* ---- what the machine calls ---- */

/* Would others notice when a thing is touched? */
static bool matters(const struct accessed *a)
{
	uint8_t all = a->read | a->written;

	return a->written && (all & (all - 1)) && !a->lock[0] && !a->lock[1];
}

/* Locks that this CPU has for itself, as far as they were held at each access so far. */
static void keep_common_locks(struct accessed *a)
{
	const struct host_context *now = host_context_now();
	bool first = !(a->read | a->written);
	int i, j, n = 0;

	for (j = 0; j < 2 && !first; j++) {
		for (i = 0; i < now->nr; i++)
			if (now->held[i] == a->lock[j] && now->held[i]->written)
				break;
		if (i == now->nr)
			a->lock[j] = NULL;
	}
	for (i = now->nr - 1; i >= 0 && n < 2 && first; i--)
		if (now->held[i]->written)
			a->lock[n++] = now->held[i];
}

static const char *without_address(const char *what)
{
	return what + strspn(what, "*(&");
}

/* Note an access; is this something that others would notice? */
static bool is_shared(const void *on, bool write)
{
	size_t at = ((uintptr_t)on >> 2) % ARRAY_SIZE(engine->accessed);
	struct accessed *a = &engine->accessed[at];
	bool did;

	while (a->on && a->on != on) {
		at = (at + 1) % ARRAY_SIZE(engine->accessed);
		a = &engine->accessed[at];
	}
	a->on = on;
	did = matters(a);
	keep_common_locks(a);
	if (write)
		a->written |= 1 << engine->cpu;
	else
		a->read |= 1 << engine->cpu;
	if (matters(a) && !did)
		engine->more_is_shared = true;
	return matters(a);
}

void host_touches(const void *on, bool write)
{
	if (engine->cpu >= 0)
		is_shared(on, write);
}

static void turn(const struct pending *what)
{
	pending[engine->cpu] = *what;
	acted[engine->cpu] = false;
	fiber_yield();
	pending[engine->cpu] = (struct pending){ };
}

static bool can_take(const struct host_lock *lock, bool write)
{
	return !lock->written && !(write && lock->readers);
}

void host_step(const char *where, const char *how, const char *what, const void *on, bool write)
{
	const struct pending now = { .where = where, .how = how, .what = what };

	if (engine->cpu < 0 || (on && !is_shared(on, write)))
		return;
	if (acted[engine->cpu])
		turn(&now);
	acted[engine->cpu] = true;
	host_note("%s: %s %s", where, how, without_address(what));
}

/*
 * A lock that is taken now could as well have been taken later, right before what it is
 * taken for: that is no step of its own (R. J. Lipton, "Reduction", 1975). What comes
 * after it was let go of is one.
 */
void host_released(const struct host_lock *lock)
{
	if (engine->cpu >= 0 && is_shared(lock, true))
		acted[engine->cpu] = true;
}

void host_lock_ready(struct host_lock *lock, bool write, const char *where)
{
	const struct pending now = {
		.where = where, .how = "takes", .what = lock->name,
		.waits = WAITS_LOCK, .lock = lock, .write = write,
	};

	if (engine->cpu < 0) {
		host_check(can_take(lock, write), "%s is taken for ever", lock->name);
		return;
	}
	if (!is_shared(lock, write))
		return;
	if (acted[engine->cpu] || !can_take(lock, write))
		turn(&now);
	host_note("%s: takes %s", where, without_address(lock->name));
}

static void wait_for(const struct pending *what)
{
	host_check(engine->cpu >= 0, "waits for ever: %s", what->what);
	turn(what);
	acted[engine->cpu] = true;	/* it has seen the change */
}

void host_wait(const unsigned int *wakes, const char *what)
{
	const struct pending now = {
		.where = "wait_event", .how = "waits", .what = what,
		.waits = WAITS_CHANGE, .value = wakes, .was = *wakes,
	};

	wait_for(&now);
}

void host_spin(const unsigned int *value, const char *what)
{
	const struct pending now = {
		.where = what, .how = "spins", .what = "until it changes",
		.waits = WAITS_CHANGE, .value = value, .was = *value,
	};

	wait_for(&now);
}

/* What a note says of an object's address tells a reader nothing. */
static void cut_addresses(char *note)
{
	static const char *const names[] = { "vm=0x", "sptep=0x" };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		char *at = strstr(note, names[i]), *end;

		if (!at)
			continue;
		end = at + strcspn(at, " ");
		memmove(at, end + strspn(end, " "), strlen(end + strspn(end, " ")) + 1);
	}
}

void host_note(const char *format, ...)
{
	char note[256];
	va_list args;

	if (!engine->prints || engine->cpu < 0)
		return;
	va_start(args, format);
	vsnprintf(note, sizeof(note), format, args);
	va_end(args);
	cut_addresses(note);
	if (engine->line)
		fprintf(engine->out, "%3d  %-9s %s\n", engine->line,
			world_cpu_name(engine->cpu), note);
	else
		fprintf(engine->out, "%15s%s\n", "", note);
	engine->line = 0;
}

void host_fail(const char *file, int line, const char *format, ...)
{
	va_list args;

	(void)file;
	(void)line;
	va_start(args, format);
	vsnprintf(engine->failure, sizeof(engine->failure), format, args);
	va_end(args);
	if (engine->cpu < 0)
		longjmp(*engine->on_failure, 1);
	for (;;)
		fiber_yield();
}

/* Nobody starts other CPUs but the explorer. */
void host_others_start(void) { }
void host_others_stop(void) { }

/* ---- one step ---- */

static bool can_go_on(int cpu)
{
	const struct pending *p = &pending[cpu];

	if (fiber_done(cpu))
		return false;
	if (p->waits == WAITS_LOCK)
		return can_take(p->lock, p->write);
	return p->waits != WAITS_CHANGE || *p->value != p->was;
}

static uint8_t who_can_go_on(void)
{
	uint8_t ready = 0;
	int i;

	for (i = 0; i < MAX_CPUS; i++)
		if (can_go_on(i))
			ready |= 1 << i;
	return ready;
}

static bool all_done(void)
{
	int i;

	for (i = 0; i < MAX_CPUS; i++)
		if (!fiber_done(i))
			return false;
	return true;
}

static void say_who_waits(void)
{
	size_t len = snprintf(engine->failure, sizeof(engine->failure), "a deadlock:");
	int i;

	for (i = 0; i < MAX_CPUS; i++)
		if (!fiber_done(i) && len < sizeof(engine->failure))
			len += snprintf(engine->failure + len, sizeof(engine->failure) - len,
					" %s waits for %s;", world_cpu_name(i), pending[i].what);
}

/* What holds in every state, and what must hold at the end. Not part of any CPU's step. */
static void check(uint8_t ready)
{
	jmp_buf failed;

	engine->on_failure = &failed;
	if (!setjmp(failed))
		world_check();
	if (!ready && !engine->failure[0]) {
		state_probe();
		if (!all_done())
			say_who_waits();
		else if (!setjmp(failed))
			world_check_end();
		state_probed();
	}
	engine->on_failure = NULL;
}

static void run(int cpu)
{
	host_own_context(&held[cpu]);
	fiber_run(cpu);
	if (!engine->failure[0])
		host_other_context(&held[cpu]);
}

static void step(int cpu)
{
	engine->steps++;
	run(cpu);
	state_step();
}

/* ---- all of them ---- */

static void begin(const struct scenario *scenario, unsigned int cpus)
{
	jmp_buf failed;
	int i;

	engine->scenario = scenario;
	engine->cpus = cpus;
	engine->cpu = -1;
	engine->on_failure = &failed;
	if (setjmp(failed)) {
		printf("explore: %s cannot be set up: %s\n", scenario->name, engine->failure);
		exit(1);
	}
	state_reset();
	world_begin(scenario, cpus);
	/* Up to where the first of what others could notice is about to happen. */
	for (i = 0; i < MAX_CPUS; i++) {
		acted[i] = true;
		if (!fiber_done(i))
			run(i);
	}
	state_begin();
	state_ignore(world_stats(), world_stats_size());
}

/* The next CPU to try here: first the one that runs already. -1: all were tried. */
static int next_cpu(const struct choice *c)
{
	uint8_t todo = c->ready & ~c->tried;

	if (c->last >= 0 && (todo & 1 << c->last))
		return c->last;
	return todo ? __builtin_ctz(todo) : -1;
}

static bool preempts(const struct choice *c, int cpu)
{
	return c->last >= 0 && cpu != c->last && (c->ready & 1 << c->last);
}

/* Where the schedule is now, as something to come back to; false if there is nothing new. */
static bool arrive(int last, int left)
{
	struct state_id id = state_id();
	uint8_t ready = who_can_go_on();
	struct choice *c;

	/* With few switches left it matters who may go on without one. */
	if (left < ANY_SWITCHES)
		id.a += (last + 2) * 0x9e3779b97f4a7c15;
	if (seen_before(id, left))
		return false;
	if (!ready)
		engine->ends++;
	check(ready);
	if (engine->failure[0] || !ready)
		return false;
	host_check(engine->depth < MAX_STEPS, "the schedule is too long");
	c = &engine->choice[engine->depth++];
	*c = (struct choice){ .mark = state_mark(), .ready = ready, .last = last, .left = left };
	if (engine->depth > engine->longest)
		engine->longest = engine->depth;
	return true;
}

/* Everything with no more than @left preemptions. Stops where it fails. */
static void explore(const struct scenario *scenario, unsigned int cpus, int left)
{
	engine->depth = 0;
	engine->failure[0] = '\0';
	engine->cut = false;
	engine->more_is_shared = false;
	engine->steps = 0;
	engine->schedules = 0;
	engine->ends = 0;
	engine->longest = 0;
	seen_clear();
	begin(scenario, cpus);
	arrive(-1, left);
	while (engine->depth && !engine->failure[0] && !engine->more_is_shared) {
		struct choice *c = &engine->choice[engine->depth - 1];
		int cpu = next_cpu(c), cost;

		if (cpu < 0) {
			engine->depth--;
			continue;
		}
		c->tried |= 1 << cpu;
		cost = left < ANY_SWITCHES && preempts(c, cpu);
		if (cost > c->left) {
			engine->cut = true;
			continue;
		}
		state_back(c->mark);
		c->cpu = cpu;
		step(cpu);
		if (!engine->failure[0] && !arrive(cpu, c->left - cost))
			engine->schedules++;
	}
}

/* The same, once it is known what is shared. */
static void explore_all(const struct scenario *scenario, unsigned int cpus, int left)
{
	do {
		explore(scenario, cpus, left);
	} while (engine->more_is_shared);
}

/**
 * engine_explore() - find a schedule with which a scenario fails, or that there is none.
 * @scenario: the scenario.
 * @cpus: which of its CPUs take part; bit n: CPU n.
 * @bound: no more preemptions than this; ANY_SWITCHES: as many as there can be.
 *
 * A schedule that fails is one with the fewest preemptions.
 */
struct found engine_explore(const struct scenario *scenario, unsigned int cpus, int bound)
{
	struct found found = { };
	bool fails;
	int left;

	memset(engine->accessed, 0, sizeof(engine->accessed));
	explore_all(scenario, cpus, bound);
	/* It fails: with how few? */
	for (left = 0, fails = engine->failure[0]; fails && left <= bound; left++) {
		explore_all(scenario, cpus, left);
		if (engine->failure[0])
			break;
	}
	found.failed = engine->failure[0];
	found.preemptions = left;
	found.cut = engine->cut;
	found.states = seen_count();
	found.steps = engine->steps;
	found.schedules = engine->schedules;
	found.ends = engine->ends;
	found.longest = engine->longest;
	return found;
}

/* Why the last exploration ended early. */
const char *engine_failure(void)
{
	return engine->failure;
}

/* ---- for a reader ---- */

/** engine_print() - do the last schedule, which failed, once more, and say each step. */
void engine_print(FILE *out)
{
	char why[sizeof(engine->failure)];
	int i, last = -1;

	strcpy(why, engine->failure);
	engine->failure[0] = '\0';
	engine->out = out;
	begin(engine->scenario, engine->cpus);
	for (i = 0; i < engine->depth; i++) {
		int cpu = engine->choice[i].cpu;

		if (last >= 0 && cpu != last && can_go_on(last))
			fprintf(out, "     -------- %s is preempted\n", world_cpu_name(last));
		engine->line = i + 1;
		engine->prints = true;
		step(cpu);
		engine->prints = false;
		last = cpu;
	}
	if (!engine->failure[0])
		check(who_can_go_on());
	fprintf(out, "     FAILS:   %s\n", engine->failure);
	if (strcmp(engine->failure, why)) {
		printf("explore: and it was found because: %s\n", why);
		exit(1);
	}
}

/** engine_init() - once. */
void engine_init(void)
{
	engine = mmap(NULL, sizeof(*engine), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		      -1, 0);
	if (engine == MAP_FAILED) {
		perror("explore: mmap");
		exit(1);
	}
	engine->cpu = -1;
	state_init();
}
