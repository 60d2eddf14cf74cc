package clangdriver

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"time"
)

// maxOutput bounds what is kept of a stream that a program writes.
const maxOutput = 4 << 20

// killGrace is how long the streams of a killed program may stay open.
const killGrace = 2 * time.Second

type command struct {
	path  string
	args  []string
	dir   string
	env   environment
	limit time.Duration
	// output bounds what is kept of each stream; 0: maxOutput.
	output int
}

type runResult struct {
	stdout, stderr []byte
	exit           int    // -1 where a signal ended it
	state          string // "exit status 1", "signal: killed"
}

// crashed reports whether clang did not come to its end: a signal ended it, or it gave what
// it gives for a signal (128 and the signal's number) or an error in the back end (70).
func (r *runResult) crashed() bool { return r.exit >= 70 || r.exit < 0 }

// run runs a program and everything that it starts in a process group of their
// own, which is killed as one when ctx ends or the limit passes. The error is a
// context error, a *TimeoutError with no path, or says why it could not be run;
// a program that ran and failed is no error.
func run(ctx context.Context, c command) (*runResult, error) {
	limited, cancel := context.WithTimeout(ctx, c.limit)
	defer cancel()
	cmd := exec.CommandContext(limited, c.path, c.args...)
	cmd.Dir, cmd.Env = c.dir, c.env
	stdout, stderr := limitedBuffer{max: c.output}, limitedBuffer{max: c.output}
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.WaitDelay = killGrace
	group := newProcessGroup(cmd)
	cmd.Cancel = group.kill
	if err := cmd.Start(); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, err
	}
	group.started()
	err := cmd.Wait()
	// What it left running, or what Wait did not wait for, ends here.
	_ = group.kill()
	group.close()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if limited.Err() != nil {
		return nil, &TimeoutError{Limit: c.limit}
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) && !errors.Is(err, exec.ErrWaitDelay) {
		return nil, err
	}
	return &runResult{stdout.Bytes(), stderr.Bytes(), cmd.ProcessState.ExitCode(), cmd.ProcessState.String()}, nil
}

// limitedBuffer keeps the first max bytes, maxOutput where that is 0, and swallows the rest.
type limitedBuffer struct {
	buf bytes.Buffer
	max int
}

func (b *limitedBuffer) Write(p []byte) (int, error) {
	limit := b.max
	if limit == 0 {
		limit = maxOutput
	}
	b.buf.Write(p[:min(len(p), limit-b.buf.Len())])
	return len(p), nil
}

func (b *limitedBuffer) Bytes() []byte { return b.buf.Bytes() }
