//go:build unix

// Command corpus measures what a verdict costs: the CPU time and the peak memory of
// bpfls over a table of programs, and, where one is given, of PREVAIL in the same
// minutes.
//
// Every program is verified by a process of its own, bpfls and PREVAIL in turn, so
// that both meet the same load. CPU time is user plus system time of the process as
// the operating system counts it, which a loaded machine blurs but does not bias.
// Then the whole table is verified in one process, each object read once.
//
// The programs' verdicts are compared with the table: a wrong verdict ends the run,
// for its time would mean nothing.
package main

import (
	"bufio"
	"cmp"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// heavy is the CPU time from which on a program's own ratio counts.
const heavy = 100 * time.Millisecond

// The bars. A ratio above one makes the command exit with 1.
const (
	barProcesses = 0.06
	barWhole     = 0.03
	barWorst     = 0.15
	barMemory    = 0.25
)

type row struct {
	object, section, function, typ, verdict string
	packet                                  bool
}

func (r row) String() string { return r.object + " " + r.section + " " + r.function }

// cost is what a process used.
type cost struct {
	cpu  time.Duration
	peak int64 // bytes
}

func main() {
	table := flag.String("table", "../shared/corpus/prevail-verdicts.tsv", "table of programs and verdicts")
	root := flag.String("root", "../shared/corpus/ebpf-samples", "folder of the table's objects")
	bpfls := flag.String("bpfls", "bin/bpfls", "the program to measure")
	format := flag.String("format", "netsh", "what bpfls prints: netsh is PREVAIL's text; json has findings in the terms of the source")
	prevail := flag.String("prevail", "", "a PREVAIL v0.2.6 to compare with; empty: none")
	only := flag.String("only", "", "only programs of objects whose path has this in it")
	every := flag.Int("every", 1, "only every n-th program of the table, for a quick look")
	details := flag.String("details", "", "file for a table of every program's figures")
	repeat := flag.Int("repeat", 1, "runs of each program; the cheapest counts")
	again := flag.Int("again", 9, "programs over the bar of the worst ratio are run so many times more, in turn with PREVAIL; medians count for it")
	whole := flag.Bool("whole", false, "verify all programs in this process (used by the command itself, and for profiles)")
	profile := flag.String("cpuprofile", "", "with -whole: file for a CPU profile")
	memory := flag.String("memprofile", "", "with -whole: file for a profile of allocations")
	flag.Parse()
	if _, err := os.Stat(*table); err != nil {
		fmt.Println("bench-corpus: skipped, the reference data are not here:", err)
		return
	}
	rows, err := read(*table, *only)
	if *every > 1 {
		rows = sample(rows, *every)
	}
	if err == nil && *whole {
		err = verifyAll(rows, *root, *profile, *memory)
	} else if err == nil {
		err = measure(rows, *root, *bpfls, *format, *prevail, *details, *repeat, *again)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench-corpus:", err)
		os.Exit(1)
	}
}

// read gives the table's rows that have a program: a broken object has none.
func read(table, only string) ([]row, error) {
	f, err := os.Open(table)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	if !lines.Scan() {
		return nil, fmt.Errorf("%s is empty", table)
	}
	column := map[string]int{}
	for i, name := range strings.Split(lines.Text(), "\t") {
		column[name] = i
	}
	var rows []row
	for lines.Scan() {
		fields := strings.Split(lines.Text(), "\t")
		get := func(name string) string {
			if i, ok := column[name]; ok && i < len(fields) {
				return fields[i]
			}
			return ""
		}
		r := row{get("object"), get("section"), get("function"), get("type"), get("verdict"), get("options") == "packet"}
		if r.function == "" || !strings.Contains(r.object, only) { // without a program: a broken object
			continue
		}
		rows = append(rows, r)
	}
	return rows, lines.Err()
}

// sample gives every n-th row.
func sample(rows []row, n int) []row {
	var out []row
	for i := n / 2; i < len(rows); i += n {
		out = append(out, rows[i])
	}
	return out
}

func measure(rows []row, root, bpfls, format, prevail, details string, repeat, again int) error {
	var ours, theirs []cost
	out := os.Stdout
	for i, r := range rows {
		c, err := cheapest(repeat, func() (cost, error) { return runBpfls(r, root, bpfls, format) })
		if err != nil {
			return err
		}
		ours = append(ours, c)
		if prevail != "" {
			if c, err = cheapest(repeat, func() (cost, error) { return runPrevail(r, root, prevail) }); err != nil {
				return err
			}
			theirs = append(theirs, c)
		}
		if (i+1)%100 == 0 {
			fmt.Fprintf(os.Stderr, "%d of %d programs\n", i+1, len(rows))
		}
	}
	if details != "" {
		if err := writeDetails(details, rows, ours, theirs); err != nil {
			return err
		}
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	args := append(slices.Clone(os.Args[1:]), "-whole")
	one, err := run(exec.Command(self, args...), 0)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%d programs, %s/%s, %d processors\n", len(rows), runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
	total := sum(ours)
	fmt.Fprintf(out, "bpfls, one process each:   CPU %8.2f s, %6.2f ms a program\n", total.Seconds(), perProgram(total, rows))
	fmt.Fprintf(out, "bpfls, one process in all: CPU %8.2f s, %6.2f ms a program, peak %.1f MB\n",
		one.cpu.Seconds(), perProgram(one.cpu, rows), mb(one.peak))
	most := slices.MaxFunc(ours, func(a, b cost) int { return int(a.peak - b.peak) })
	fmt.Fprintf(out, "bpfls, largest peak of one process: %.1f MB\n", mb(most.peak))
	if prevail == "" {
		return nil
	}
	reference := sum(theirs)
	for i, r := range rows {
		if theirs[i].cpu < heavy || ratio(ours[i].cpu, theirs[i].cpu) <= barWorst || again < 1 {
			continue
		}
		// One run of some milliseconds says little: a fault of the page cache doubles it.
		a, b := []cost{ours[i]}, []cost{theirs[i]}
		for range again {
			c, err := runBpfls(r, root, bpfls, format)
			if err != nil {
				return err
			}
			a = append(a, c)
			if c, err = runPrevail(r, root, prevail); err != nil {
				return err
			}
			b = append(b, c)
		}
		ours[i].cpu, theirs[i].cpu = median(a), median(b)
		fmt.Fprintf(out, "medians of %d: %v: %v of %v, %.4f\n", again+1, r, ours[i].cpu, theirs[i].cpu, ratio(ours[i].cpu, theirs[i].cpu))
	}
	fmt.Fprintf(out, "PREVAIL, one process each: CPU %8.2f s, %6.2f ms a program\n", reference.Seconds(), perProgram(reference, rows))
	worst, worstMemory, count := -1, -1, 0
	var memories, peaks int64
	for i := range rows {
		if theirs[i].cpu < heavy {
			continue
		}
		count++
		memories += ours[i].peak
		peaks += theirs[i].peak
		if worst < 0 || ratio(ours[i].cpu, theirs[i].cpu) > ratio(ours[worst].cpu, theirs[worst].cpu) {
			worst = i
		}
		if worstMemory < 0 || ratio(ours[i].peak, theirs[i].peak) > ratio(ours[worstMemory].peak, theirs[worstMemory].peak) {
			worstMemory = i
		}
	}
	ok := true
	bar := func(what string, got, want float64, note string) {
		state := "met"
		if got > want {
			state, ok = "NOT met", false
		}
		fmt.Fprintf(out, "%-46s %.4f  bar %.2f %s%s\n", what, got, want, state, note)
	}
	bar("CPU ratio, one process each", ratio(total, reference), barProcesses, "")
	bar("CPU ratio, one process in all", ratio(one.cpu, reference), barWhole, "")
	if worst >= 0 {
		bar(fmt.Sprintf("worst CPU ratio of %d programs over %v", count, heavy), ratio(ours[worst].cpu, theirs[worst].cpu), barWorst,
			fmt.Sprintf(": %s, %v of %v", rows[worst], ours[worst].cpu, theirs[worst].cpu))
		bar("peak memory ratio of their sums", ratio(memories, peaks), barMemory, "")
		// No bar: PREVAIL needs 10 MB for the smallest (docs/performance.md).
		fmt.Fprintf(out, "%-46s %.4f: %s, %.1f of %.1f MB\n", "worst peak memory ratio of them", ratio(ours[worstMemory].peak, theirs[worstMemory].peak),
			rows[worstMemory], mb(ours[worstMemory].peak), mb(theirs[worstMemory].peak))
		bar("ratio of the largest peaks", ratio(most.peak, slices.MaxFunc(theirs, func(a, b cost) int { return int(a.peak - b.peak) }).peak), barMemory, "")
	}
	if !ok {
		return errors.New("a bar is not met")
	}
	return nil
}

func cheapest(n int, f func() (cost, error)) (cost, error) {
	best, err := f()
	for range n - 1 {
		if err != nil {
			break
		}
		var c cost
		if c, err = f(); c.cpu < best.cpu {
			best = c
		}
	}
	return best, err
}

func runBpfls(r row, root, bpfls, format string) (cost, error) {
	typ := r.typ
	if typ == "lxc" { // PREVAIL's rule for its samples; the context is the same
		typ = "sched_cls"
	}
	want := 1
	if r.verdict == "pass" {
		want = 0
	}
	cmd := exec.Command(bpfls, "verify", "--platform", "linux", "--type", typ, "--section", r.section, "--program", r.function,
		"--format", format, filepath.Join(root, r.object))
	c, err := run(cmd, want)
	if err != nil {
		return c, fmt.Errorf("%v: the table says %s: %w", r, r.verdict, err)
	}
	return c, nil
}

func runPrevail(r row, root, prevail string) (cost, error) {
	args := []string{filepath.Join(root, r.object), r.section, r.function}
	if r.packet {
		args = append(args, "--include_groups", "packet")
	}
	want := 1
	if r.verdict == "pass" {
		want = 0
	}
	c, err := run(exec.Command(prevail, args...), want)
	if err != nil && r.verdict == "rejected" {
		err = nil // it has several exit codes for these
	}
	if err != nil {
		return c, fmt.Errorf("PREVAIL, %v: the table says %s: %w", r, r.verdict, err)
	}
	return c, nil
}

// run runs a process that has to end with the exit code want. Its peak memory is
// at least this process's own size, which is why nothing is verified here.
func run(cmd *exec.Cmd, want int) (cost, error) {
	var stderr strings.Builder
	cmd.Stderr = &stderr
	err := cmd.Run()
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) {
		return cost{}, err
	}
	usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return cost{}, errors.New("this system does not tell what a process used")
	}
	c := cost{cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), usage.Maxrss}
	if runtime.GOOS != "darwin" {
		c.peak *= 1024
	}
	if got := cmd.ProcessState.ExitCode(); got != want {
		return c, fmt.Errorf("exit code %d, want %d: %s", got, want, stderr.String())
	}
	return c, nil
}

func writeDetails(name string, rows []row, ours, theirs []cost) error {
	var b strings.Builder
	b.WriteString("object\tsection\tfunction\tbpfls_seconds\tbpfls_peak_kb\tprevail_seconds\tprevail_peak_kb\n")
	for i, r := range rows {
		fmt.Fprintf(&b, "%s\t%s\t%s\t%.4f\t%d", r.object, r.section, r.function, ours[i].cpu.Seconds(), ours[i].peak/1024)
		if i < len(theirs) {
			fmt.Fprintf(&b, "\t%.4f\t%d", theirs[i].cpu.Seconds(), theirs[i].peak/1024)
		}
		b.WriteByte('\n')
	}
	return os.WriteFile(name, []byte(b.String()), 0o644)
}

// median gives the median of the times, of an even number the larger in the middle.
func median(costs []cost) time.Duration {
	return slices.SortedFunc(slices.Values(costs), func(a, b cost) int { return cmp.Compare(a.cpu, b.cpu) })[len(costs)/2].cpu
}

func sum(costs []cost) (total time.Duration) {
	for _, c := range costs {
		total += c.cpu
	}
	return total
}

func ratio[T int64 | time.Duration](a, b T) float64 { return float64(a) / float64(b) }

func perProgram(d time.Duration, rows []row) float64 {
	return float64(d.Microseconds()) / 1000 / float64(len(rows))
}

func mb(bytes int64) float64 { return float64(bytes) / 1e6 }
