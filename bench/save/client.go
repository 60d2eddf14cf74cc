package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// client is an editor without a window that speaks to a server over stdio.
type client struct {
	cmd *exec.Cmd
	in  io.WriteCloser

	mu        sync.Mutex
	next      int
	waiting   map[int]chan json.RawMessage
	published chan publication
	statuses  map[string]string // by URI
	change    chan struct{}
	versions  map[string]int
}

// publication is a textDocument/publishDiagnostics and when it came.
type publication struct {
	uri, text string
	at        time.Time
}

// start starts a server on a folder, with a cache of its own.
func start(server, folder, cache string) (*client, error) {
	c := &client{waiting: map[int]chan json.RawMessage{}, published: make(chan publication, 10000), statuses: map[string]string{},
		change: make(chan struct{}, 1), versions: map[string]int{}}
	c.cmd = exec.Command(server, "lsp")
	c.cmd.Dir = folder
	c.cmd.Env = append(c.cmd.Environ(), "XDG_CACHE_HOME="+cache)
	var err error
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	go c.read(bufio.NewReader(out))
	_, err = c.call("initialize", map[string]any{"processId": nil, "rootUri": fileURI(folder), "capabilities": map[string]any{
		"textDocument": map[string]any{
			"publishDiagnostics": map[string]any{"relatedInformation": true, "versionSupport": true},
			"hover":              map[string]any{"contentFormat": []string{"markdown"}},
		}}})
	if err != nil {
		return nil, err
	}
	return c, c.notify("initialized", map[string]any{})
}

func (c *client) stop() error {
	if _, err := c.call("shutdown", nil); err != nil {
		return err
	}
	if err := c.notify("exit", nil); err != nil {
		return err
	}
	return c.cmd.Wait()
}

func fileURI(path string) string {
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(path)}).String()
}

func (c *client) write(message map[string]any) error {
	message["jsonrpc"] = "2.0"
	data, err := json.Marshal(message)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.in, "Content-Length: %d\r\n\r\n%s", len(data), data)
	return err
}

func (c *client) notify(method string, params any) error {
	return c.write(map[string]any{"method": method, "params": params})
}

// call sends a request and waits for its answer.
func (c *client) call(method string, params any) (json.RawMessage, error) {
	answer := make(chan json.RawMessage, 1)
	c.mu.Lock()
	c.next++
	id := c.next
	c.waiting[id] = answer
	c.mu.Unlock()
	message := map[string]any{"id": id, "method": method}
	if params != nil {
		message["params"] = params
	}
	if err := c.write(message); err != nil {
		return nil, err
	}
	data, ok := <-answer
	if !ok {
		return nil, fmt.Errorf("%s: the server is gone", method)
	}
	return data, nil
}

func (c *client) read(r *bufio.Reader) {
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, answer := range c.waiting {
			close(answer)
		}
	}()
	for {
		length := 0
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				return
			}
			if line = strings.TrimSpace(line); line == "" {
				break
			}
			if value, ok := strings.CutPrefix(line, "Content-Length: "); ok {
				length, _ = strconv.Atoi(value)
			}
		}
		data := make([]byte, length)
		if _, err := io.ReadFull(r, data); err != nil {
			return
		}
		c.receive(data, time.Now())
	}
}

func (c *client) receive(data []byte, at time.Time) {
	var message struct {
		ID     *int
		Method string
		Params struct {
			URI, State string
		}
		Result json.RawMessage
	}
	if err := json.Unmarshal(data, &message); err != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case message.Method == "textDocument/publishDiagnostics":
		c.published <- publication{message.Params.URI, string(data), at}
	case message.Method == "bpfls/status":
		c.statuses[message.Params.URI] = message.Params.State
		select {
		case c.change <- struct{}{}:
		default:
		}
	case message.Method == "" && message.ID != nil:
		c.waiting[*message.ID] <- message.Result
		delete(c.waiting, *message.ID)
	}
}

// document is what most requests name a file by.
func document(path string) map[string]any { return map[string]any{"uri": fileURI(path)} }

func (c *client) open(path, text string) error {
	c.versions[path] = 1
	return c.notify("textDocument/didOpen", map[string]any{"textDocument": map[string]any{
		"uri": fileURI(path), "languageId": "c", "version": 1, "text": text}})
}

func (c *client) edit(path, text string) error {
	c.versions[path]++
	return c.notify("textDocument/didChange", map[string]any{
		"textDocument":   map[string]any{"uri": fileURI(path), "version": c.versions[path]},
		"contentChanges": []any{map[string]any{"text": text}}})
}

// untilState waits for a status of a file.
func (c *client) untilState(path, state string) error {
	deadline := time.After(2 * time.Minute)
	for {
		c.mu.Lock()
		now := c.statuses[fileURI(path)]
		c.mu.Unlock()
		if now == state {
			return nil
		}
		select {
		case <-c.change:
		case <-deadline:
			return fmt.Errorf("%s: its status is %q, not %q", path, now, state)
		}
	}
}

// untilPublished waits for diagnostics of a file that have one text and not another, and
// returns when they came.
func (c *client) untilPublished(path, with, without string) (time.Time, error) {
	deadline := time.After(2 * time.Minute)
	for {
		select {
		case p := <-c.published:
			if p.uri == fileURI(path) && strings.Contains(p.text, with) && !strings.Contains(p.text, without) {
				return p.at, nil
			}
		case <-deadline:
			return time.Time{}, fmt.Errorf("%s: no diagnostics with %q", path, with)
		}
	}
}
