//go:build unix

package clangdriver

import (
	"os"
	"os/exec"
	"syscall"
)

// processGroup is a program with everything that it starts.
type processGroup struct{ cmd *exec.Cmd }

func newProcessGroup(cmd *exec.Cmd) *processGroup {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return &processGroup{cmd}
}

func (g *processGroup) started() {}

// kill ends the whole group. Its id is that of its first process and stays taken
// as long as a process of the group lives; where none does, there is no such group.
func (g *processGroup) kill() error {
	if g.cmd.Process == nil {
		return os.ErrProcessDone
	}
	if err := syscall.Kill(-g.cmd.Process.Pid, syscall.SIGKILL); err != nil {
		return os.ErrProcessDone
	}
	return nil
}

func (g *processGroup) close() {}
