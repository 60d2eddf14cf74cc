package main

import (
	"fmt"

	"bpfls/cmd/internal/cli"
	"bpfls/session"
)

type doctorCmd struct {
	platformFlags
	file string
}

func (c *doctorCmd) Declare(f *cli.Flags) {
	c.platformFlags.Declare(f)
	f.Optional(&c.file, "file", "Source or object that the answers are for; without one, any in this folder.")
}

// Run prints what was found, where it came from and what to do. The exit code is
// 2 where something stands in the way of judging the file.
func (c *doctorCmd) Run(p *cli.Program) error {
	code := p.Doctor(session.Request{Path: c.file, Choices: session.Choices{Platform: c.platform, Hooks: c.hooks}})
	if path, err := findServer(p.Ctx); err != nil {
		fmt.Fprintf(p.Stdout, "\nlanguage server: %v\n", err)
	} else {
		fmt.Fprintf(p.Stdout, "\nlanguage server: %s\n", path)
	}
	if code != cli.Pass {
		return &cli.Exit{Code: code}
	}
	return nil
}
