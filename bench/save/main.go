// Command save measures the language server as an editor sees it, over stdio: the time from a
// save to the published diagnostics beside a plain clang with the same flags, hovers on a
// large program, and the memory after many files. It fails where a bar is not met.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

func main() {
	server := flag.String("server", "bin/bpfls", "the bpfls to measure, a `path`")
	saves := flag.Int("n", 20, "saves of each source")
	only := flag.String("only", "", "measure only parts whose name contains this `text`: linux, windows, hover, memory")
	files := flag.Int("files", 200, "files to open for the memory")
	flag.Parse()
	b := &bench{saves: *saves, files: *files}
	var err error
	if b.server, err = filepath.Abs(*server); err == nil {
		b.folder, err = os.MkdirTemp("", "bpfls-save-")
	}
	if err == nil {
		defer os.RemoveAll(b.folder)
		for _, part := range []struct {
			name string
			run  func() error
		}{{"linux", b.linux}, {"windows", b.windows}, {"hover", b.hover}, {"memory", b.memory}} {
			if !strings.Contains(part.name, *only) {
				continue
			}
			if err = part.run(); err != nil {
				err = fmt.Errorf("%s: %w", part.name, err)
				break
			}
		}
	}
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "save:", err)
		os.RemoveAll(b.folder)
		os.Exit(2)
	case b.missed:
		os.RemoveAll(b.folder)
		os.Exit(1)
	}
}

type bench struct {
	server, folder string
	saves, files   int
	missed         bool
}

// report prints a figure beside its bar.
func (b *bench) report(met bool, format string, args ...any) {
	mark := "met"
	if !met {
		mark, b.missed = "NOT MET", true
	}
	fmt.Printf(format+": %s\n", append(args, mark)...)
}

// workspace makes a folder with files.
func (b *bench) workspace(name string, files map[string]string) (dir string, err error) {
	dir = filepath.Join(b.folder, name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	for file, text := range files {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644); err != nil {
			return "", err
		}
	}
	return dir, nil
}

// vmlinux is the header of the running kernel's types, or one of that size.
func vmlinux() (text, what string) {
	if out, err := exec.Command("bpftool", "btf", "dump", "file", "/sys/kernel/btf/vmlinux", "format", "c").Output(); err == nil {
		return string(out), fmt.Sprintf("vmlinux.h of the running kernel, %.1f MB", float64(len(out))/1e6)
	}
	var s strings.Builder
	s.WriteString("typedef unsigned int __u32;\ntypedef unsigned long long __u64;\nstruct xdp_md { __u32 data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex; };\n")
	for i := 0; s.Len() < 3_000_000; i++ {
		fmt.Fprintf(&s, "struct made_up_%d {\n\tunsigned int flags;\n\tunsigned long long counters[%d];\n\tstruct made_up_%d *next;\n\tint (*call)(struct made_up_%d *, const char *, unsigned int);\n};\n\nenum made_up_values_%d {\n\tMADE_UP_%d_A = 0,\n\tMADE_UP_%d_B = 1,\n};\n\n",
			i, i%16+1, max(0, i-1), i, i, i, i)
	}
	return s.String(), fmt.Sprintf("a header like vmlinux.h, %.1f MB", float64(s.Len())/1e6)
}

// linuxSource fails: it reads a byte that was not checked. So each save publishes something.
func linuxSource(read int) string {
	return fmt.Sprintf(`#include "vmlinux.h"
#define SEC(name) __attribute__((section(name), used))

SEC("xdp")
int parse(struct xdp_md *ctx)
{
	unsigned char *data = (void *)(long)ctx->data;
	unsigned char *end = (void *)(long)ctx->data_end;
	if (data + 14 > end)
		return 1;
	return data[%d];
}
`, read)
}

func windowsSource(read int) string {
	return fmt.Sprintf(`#include "windows.h"

SEC("xdp")
int parse(xdp_md_t *ctx)
{
	uint8_t *data = ctx->data;
	uint8_t *end = ctx->data_end;
	if (data + 14 > end)
		return XDP_PASS;
	return data[%d] == 17 ? XDP_DROP : XDP_PASS;
}
`, read)
}

func (b *bench) linux() error {
	header, what := vmlinux()
	dir, err := b.workspace("linux", map[string]string{"bpfls.toml": "root = true\nplatform = \"linux\"\n", "vmlinux.h": header})
	if err != nil {
		return err
	}
	ours, plain, err := b.save(filepath.Join(dir, "a.bpf.c"), linuxSource)
	if err != nil {
		return err
	}
	ratio := ours.wall.Seconds() / plain.wall.Seconds()
	b.report(ratio <= 0.6, "save, %s: %v, plain clang %v, ratio %.2f of 0.6", what, round(ours.wall), round(plain.wall), ratio)
	printCPU(ours, plain)
	return nil
}

func (b *bench) windows() error {
	files := map[string]string{"bpfls.toml": "root = true\nplatform = \"windows\"\n"}
	header, err := os.ReadFile(filepath.Join("examples", "windows.h"))
	if err != nil {
		return err
	}
	files["windows.h"] = string(header)
	dir, err := b.workspace("windows", files)
	if err != nil {
		return err
	}
	ours, plain, err := b.save(filepath.Join(dir, "a.bpf.c"), windowsSource)
	if err != nil {
		return err
	}
	ratio, more := ours.wall.Seconds()/plain.wall.Seconds(), ours.wall-plain.wall
	b.report(ratio <= 1.15 || more <= 25*time.Millisecond, "save, Windows: %v, plain clang %v, ratio %.2f of 1.15, %v of 25ms more",
		round(ours.wall), round(plain.wall), ratio, round(more))
	printCPU(ours, plain)
	return nil
}

func round(d time.Duration) time.Duration { return d.Round(100 * time.Microsecond) }

// cost is what a save or a clang took: medians.
type cost struct {
	wall  time.Duration
	cpu   time.Duration // of the process; 0 where the system does not tell
	clang time.Duration // of its children
}

// printCPU prints CPU times, which tell more than times where other programs run.
func printCPU(ours, plain cost) {
	if ours.cpu > 0 {
		fmt.Printf("  CPU time: server %v, its clang %v, plain clang %v, ratio %.2f\n", round(ours.cpu), round(ours.clang), round(plain.cpu),
			(ours.cpu+ours.clang).Seconds()/plain.cpu.Seconds())
	}
}

// save gives the median times from a save to its diagnostics and of a plain clang, taken in
// turn, after a first save.
func (b *bench) save(path string, source func(read int) string) (ours, plain cost, err error) {
	if err := os.WriteFile(path, []byte(source(20)), 0o644); err != nil {
		return cost{}, cost{}, err
	}
	command, err := b.plainCommand(path)
	if err != nil {
		return cost{}, cost{}, err
	}
	c, err := start(b.server, filepath.Dir(path), filepath.Join(b.folder, "cache"))
	if err != nil {
		return cost{}, cost{}, err
	}
	if err := c.open(path, source(20)); err != nil {
		return cost{}, cost{}, err
	}
	if err := c.untilState(path, "failed"); err != nil {
		return cost{}, cost{}, err
	}
	var wall, cpu, clang, plainWall, plainCPU []time.Duration
	for i := range b.saves + 2 {
		text := source(21 + i)
		if err := c.edit(path, text); err != nil {
			return cost{}, cost{}, err
		}
		time.Sleep(300 * time.Millisecond) // nobody saves at once; a precompiled header may be made meanwhile
		if i < 2 {
			time.Sleep(2 * time.Second)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return cost{}, cost{}, err
		}
		cpuBefore, clangBefore := processCPU(c.cmd.Process.Pid)
		began := time.Now()
		if err := c.notify("textDocument/didSave", map[string]any{"textDocument": document(path)}); err != nil {
			return cost{}, cost{}, err
		}
		at, err := c.untilPublished(path, fmt.Sprintf("byte %d of the packet", 21+i), "out of date")
		if err != nil {
			return cost{}, cost{}, err
		}
		if err := c.untilState(path, "failed"); err != nil {
			return cost{}, cost{}, err
		}
		cpuAfter, clangAfter := processCPU(c.cmd.Process.Pid)
		cmd := exec.Command(command[0], command[1:]...)
		cmd.Dir = filepath.Dir(path)
		plainBegan := time.Now()
		if out, err := cmd.CombinedOutput(); err != nil {
			return cost{}, cost{}, fmt.Errorf("%v: %w\n%s", cmd, err, out)
		}
		if i < 2 { // the first saves have no precompiled header
			continue
		}
		wall, plainWall = append(wall, at.Sub(began)), append(plainWall, time.Since(plainBegan))
		cpu, clang = append(cpu, cpuAfter-cpuBefore), append(clang, clangAfter-clangBefore)
		plainCPU = append(plainCPU, cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime())
	}
	return cost{median(wall), median(cpu), median(clang)}, cost{wall: median(plainWall), cpu: median(plainCPU)}, c.stop()
}

// plainCommand is the clang command for a source, as bpfls tells it to people.
func (b *bench) plainCommand(path string) ([]string, error) {
	out, err := exec.Command(b.server, "doctor", path).Output()
	if err != nil {
		return nil, fmt.Errorf("bpfls doctor: %w\n%s", err, out)
	}
	_, rest, _ := strings.Cut(string(out), "\ncommand\n  ")
	line, _, ok := strings.Cut(rest, "\n")
	if !ok {
		return nil, fmt.Errorf("bpfls doctor tells no command:\n%s", out)
	}
	return strings.Fields(line), nil
}

// largeSource is a program of some 4,000 instructions.
func largeSource() (text string, lines int) {
	var s strings.Builder
	s.WriteString("#include \"windows.h\"\n\nSEC(\"xdp\")\nint large(xdp_md_t *ctx)\n{\n\tvolatile uint64_t sum = 0;\n\tuint8_t *data = ctx->data;\n\tuint8_t *end = ctx->data_end;\n\tif (data + 1000 > end)\n\t\treturn XDP_PASS;\n")
	const n = 440
	for i := range n {
		fmt.Fprintf(&s, "\tsum += data[%d] ^ (uint64_t)data[%d] << %d;\n", i, i+1, i%32)
	}
	s.WriteString("\treturn sum == 17 ? XDP_DROP : XDP_PASS;\n}\n")
	return s.String(), n
}

func (b *bench) hover() error {
	header, err := os.ReadFile(filepath.Join("examples", "windows.h"))
	if err != nil {
		return err
	}
	dir, err := b.workspace("hover", map[string]string{"bpfls.toml": "root = true\nplatform = \"windows\"\n", "windows.h": string(header)})
	if err != nil {
		return err
	}
	path := filepath.Join(dir, "a.bpf.c")
	text, lines := largeSource()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		return err
	}
	instructions := 0
	if out, err := exec.Command(b.server, "disassemble", path).Output(); err == nil {
		instructions = strings.Count(string(out), "\n") - 1
	}
	c, err := start(b.server, dir, filepath.Join(b.folder, "cache"))
	if err != nil {
		return err
	}
	if err := c.open(path, text); err != nil {
		return err
	}
	if err := c.untilState(path, "verified"); err != nil {
		return err
	}
	var times []time.Duration
	for i := range 2 * lines {
		line := 10 + (i*389)%lines
		began := time.Now()
		answer, err := c.call("textDocument/hover", map[string]any{"textDocument": document(path), "position": map[string]any{"line": line, "character": 8 + i%2*12}})
		if err != nil {
			return err
		}
		times = append(times, time.Since(began))
		if string(answer) == "null" {
			return fmt.Errorf("no hover in line %d", line+1)
		}
	}
	slices.Sort(times)
	p99 := times[len(times)*99/100]
	b.report(p99 < 10*time.Millisecond, "hover, %d instructions, %d hovers: median %v, p99 %v of 10ms, longest %v",
		instructions, len(times), round(median(times)), round(p99), round(times[len(times)-1]))
	return c.stop()
}

func (b *bench) memory() error {
	header, err := os.ReadFile(filepath.Join("examples", "windows.h"))
	if err != nil {
		return err
	}
	kernel, _ := vmlinux()
	dir, err := b.workspace("memory", map[string]string{"bpfls.toml": "root = true\n", "windows.h": string(header), "vmlinux.h": kernel})
	if err != nil {
		return err
	}
	c, err := start(b.server, dir, filepath.Join(b.folder, "cache"))
	if err != nil {
		return err
	}
	// Every tenth includes vmlinux.h; every program is another one.
	for i := range b.files {
		path, text, line := filepath.Join(dir, fmt.Sprintf("f%d.bpf.c", i)), windowsSource(14+i), 9
		if i%10 == 0 {
			text, line = linuxSource(14+i), 10
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return err
		}
		if err := c.open(path, text); err != nil {
			return err
		}
		if err := c.untilState(path, "failed"); err != nil {
			return err
		}
		if _, err := c.call("textDocument/hover", map[string]any{"textDocument": document(path), "position": map[string]any{"line": line, "character": 12}}); err != nil {
			return err
		}
	}
	resident, peak, err := processMemory(c.cmd.Process.Pid)
	if err != nil {
		fmt.Printf("memory: %v\n", err)
		return c.stop()
	}
	const bar = 300 << 20
	b.report(resident < bar, "memory after %d files: %d MB of 300 MB (peak %d MB)", b.files, resident>>20, peak>>20)
	return c.stop()
}

// processMemory reads the memory of a process, in bytes, on Linux.
func processMemory(pid int) (resident, peak int, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, 0, err
	}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(line, ":")
		kb, _ := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(value), " kB"))
		switch name {
		case "VmRSS":
			resident = kb << 10
		case "VmHWM":
			peak = kb << 10
		}
	}
	return resident, peak, nil
}

// processCPU reads the CPU time of a process and of its children that ended, on Linux.
func processCPU(pid int) (own, children time.Duration) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, 0
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	ticks := func(i int) time.Duration { // from the third field on, in hundredths of a second
		n, _ := strconv.Atoi(fields[i-3])
		return time.Duration(n) * 10 * time.Millisecond
	}
	return ticks(14) + ticks(15), ticks(16) + ticks(17)
}

func median(times []time.Duration) time.Duration {
	times = slices.Clone(times)
	slices.Sort(times)
	return times[len(times)/2]
}
