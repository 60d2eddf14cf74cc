// Command scale measures how the cost of a verdict grows with the size of a program.
// It verifies programs of the package shapes in growing sizes, each in a process of
// its own, prints CPU time and peak memory, and the exponent that fits their growth.
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"math"
	"os"
	"os/exec"
	"strings"
	"time"

	"bpfls/bench/shapes"
	"bpfls/linuxhooks"
	"bpfls/verifier"
)

func main() {
	one := flag.String("one", "", "verify one program of this `shape` in this process")
	size := flag.Int("size", 1000, "its instructions")
	only := flag.String("only", "", "measure only shapes whose name contains this `text`")
	from := flag.Int("from", 1000, "smallest `size`")
	to := flag.Int("to", 1_000_000, "largest `size`")
	limit := flag.Duration("limit", 20*time.Second, "go on to larger sizes while one takes less than this")
	svg := flag.String("svg", "", "draw the figures into this `file`")
	printed := flag.Bool("printed", false, "measure nothing: draw the figures that other runs printed into the files that are the arguments")
	flag.Parse()
	var err error
	if *printed {
		err = redraw(flag.Args(), *svg)
	} else if *one != "" {
		err = verify(*one, *size)
	} else {
		err = measureAll(*only, *from, *to, *limit, *svg)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "scale:", err)
		os.Exit(1)
	}
}

// verify verifies one program and prints the nodes of its graph.
func verify(name string, size int) error {
	for _, s := range shapes.All {
		if s.Name != name {
			continue
		}
		p := linuxhooks.Platform()
		xdp, _ := p.TypeByName("xdp")
		opt := verifier.Options{}
		if s.Termination {
			opt.Termination = verifier.On
		}
		prog := s.Make(size)
		res, err := verifier.Analyze(context.Background(), verifier.Input{Code: prog.Code, Maps: prog.Maps, Platform: p, Type: xdp}, opt)
		if err != nil {
			return err
		}
		if want := verdict(s); res.Verdict != want {
			return fmt.Errorf("%s of %d instructions: %v %s", name, size, res.Verdict, res.Reason)
		}
		fmt.Println(len(res.Graph().Nodes))
		return nil
	}
	return fmt.Errorf("no shape %q", name)
}

func verdict(s shapes.Shape) verifier.Verdict {
	if s.Fails {
		return verifier.Fail
	}
	return verifier.Pass
}

// point is one measurement.
type point struct {
	size, nodes int
	cpu         time.Duration
	memory      int64 // bytes, at most at one time
}

func measureAll(only string, from, to int, limit time.Duration, svg string) error {
	var all []series
	for _, s := range shapes.All {
		if !strings.Contains(s.Name, only) {
			continue
		}
		one := series{name: s.Name, doc: s.Doc}
		for n := from; n <= to; n *= 2 {
			if s.Max > 0 && n > s.Max {
				break
			}
			p, err := measure(s.Name, n)
			if err != nil {
				fmt.Printf("%-24s %9d  %v\n", s.Name, n, err)
				break
			}
			one.points = append(one.points, p)
			fmt.Printf("%-24s %9d instructions %9d nodes %9.3f s %9.1f MB\n", s.Name, p.size, p.nodes, p.cpu.Seconds(), float64(p.memory)/1e6)
			if p.cpu > limit {
				break
			}
		}
		time, memory := one.exponents()
		fmt.Printf("%-24s grows with %s in time, %s in memory\n", s.Name, power(time), power(memory))
		all = append(all, one)
	}
	if svg != "" {
		return os.WriteFile(svg, draw(all), 0o666)
	}
	return nil
}

// redraw draws what measureAll printed into files, and prints the exponents.
func redraw(files []string, svg string) error {
	var all []series
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(data)) {
			const nameWidth = 24
			if len(line) < nameWidth {
				continue
			}
			var p point
			var seconds, mb float64
			if _, err := fmt.Sscanf(line[nameWidth:], "%d instructions %d nodes %f s %f MB", &p.size, &p.nodes, &seconds, &mb); err != nil {
				continue // a summary
			}
			p.cpu, p.memory = time.Duration(seconds*float64(time.Second)), int64(mb*1e6)
			name := strings.TrimSpace(line[:nameWidth])
			if len(all) == 0 || all[len(all)-1].name != name {
				all = append(all, series{name: name})
			}
			s := &all[len(all)-1]
			s.points = append(s.points, p)
		}
	}
	for i := range all {
		time, memory := all[i].exponents()
		last := all[i].points[len(all[i].points)-1]
		fmt.Printf("| %s | %d | %.1f s | %.0f MB | %s, %s |\n", all[i].name, last.size, last.cpu.Seconds(), float64(last.memory)/1e6, power(time), power(memory))
	}
	return os.WriteFile(svg, draw(all), 0o666)
}

// power writes an exponent.
func power(e float64) string {
	if math.IsNaN(e) {
		return "(too small to tell)"
	}
	return fmt.Sprintf("n^%.2f", e)
}

// measure verifies one program in a process of its own.
func measure(name string, size int) (point, error) {
	self, err := os.Executable()
	if err != nil {
		return point{}, err
	}
	var out, errs bytes.Buffer
	cmd := exec.Command(self, "-one", name, "-size", fmt.Sprint(size))
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return point{}, fmt.Errorf("%w: %s", err, bytes.TrimSpace(errs.Bytes()))
	}
	p := point{size: size, cpu: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), memory: peakMemory(cmd.ProcessState)}
	_, err = fmt.Sscan(out.String(), &p.nodes)
	return p, err
}
