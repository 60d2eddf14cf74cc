package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"time"
)

// answers are what PREVAIL said in this run and, where there is a file, in earlier
// ones: PREVAIL takes most of the time, and its answers do not change with bpfls.
type answers struct {
	known map[string]judgement
	file  *os.File
}

// openAnswers reads the answers of a file and opens it for more; "" is no file.
func openAnswers(path string) (*answers, error) {
	a := &answers{known: make(map[string]judgement)}
	if path == "" {
		return a, nil
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	a.file = f
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		c := strings.Split(lines.Text(), "\t")
		if len(c) == 5 {
			a.known[c[0]] = judgement{c[1], c[2], c[3], c[4]}
		}
	}
	return a, lines.Err()
}

func (a *answers) close() {
	if a.file != nil {
		a.file.Close()
	}
}

// key names a question: the object and what is asked of it.
func (a *answers) key(s subject, termination bool) string {
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%s\n%v\n", s.section, s.function, termination)
	h.Write(s.object)
	return hex.EncodeToString(h.Sum(nil)[:16])
}

func (a *answers) get(key string, limit time.Duration) (judgement, bool) {
	j, ok := a.known[key]
	return j, ok && (j.verdict != "timeout" || j.message == limit.String())
}

// add keeps an answer. That PREVAIL did not end counts for this time limit only.
func (a *answers) add(key string, j judgement) error {
	if a.file == nil {
		return nil
	}
	clean := strings.NewReplacer("\t", " ", "\n", " ")
	_, err := fmt.Fprintf(a.file, "%s\t%s\t%s\t%s\t%s\n", key, j.verdict, j.label, clean.Replace(j.message), j.bound)
	return err
}
