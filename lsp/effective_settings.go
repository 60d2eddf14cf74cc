package lsp

import (
	"context"
	"fmt"
	"strings"

	"bpfls/session"
)

// effectiveSettings returns, as text, each value that holds for a file and where it came
// from: the platform, the settings, the flags of the compiler and those not taken.
func (s *server) effectiveSettings(ctx context.Context, path string) (any, error) {
	if path == "" {
		return nil, errNoFile
	}
	c := s.session.Checkup(ctx, path)
	if c == nil {
		return "The workspace is not trusted: nothing is compiled, and settings are not looked at.\n", nil
	}
	return settingsText(c), nil
}

func settingsText(c *session.Checkup) string {
	var b strings.Builder
	out := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	if c.Err != nil {
		out("%v\n", c.Err)
	}
	if c.Name != "" {
		out("platform: %s (%s)", c.Name, c.Why)
	}
	if c.Clang != nil && c.Clang.Error == nil {
		out("clang: %s, version %s (%s)", c.Clang.Clang.Path, c.Clang.Clang.Version, c.Clang.Clang.Origin)
	} else if c.Clang != nil {
		out("clang: %v", c.Clang.Error)
	}
	if c.Settings != nil {
		out("\nsettings")
		for _, e := range c.Settings.List() {
			value := e.Value
			if value == "" {
				value = "-"
			}
			out("  %-24s %-32s %s", e.Key, value, e.Origin)
		}
	}
	for _, p := range c.Problems {
		out("  wrong: %v", p)
	}
	if c.Clang == nil {
		return b.String()
	}
	out("\nflags of clang, in their order: of two that contradict each other the later one counts")
	for _, f := range c.Clang.Flags {
		out("  %-57s %s", strings.Join(f.Args, " "), f.Origin)
	}
	if len(c.Clang.Ignored) > 0 {
		out("\nnot taken")
	}
	for _, f := range c.Clang.Ignored {
		out("  %s (%s): %s", strings.Join(f.Args, " "), f.Origin, f.Reason)
	}
	return b.String()
}
