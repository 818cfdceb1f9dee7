package faults

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sync"
)

// Word is what a line of the journal says of an operation.
type Word string

// The words, in the order in which an operation meets them: Invoke, then one of
// the others. An operation whose Invoke is the last line is as good as Unknown.
const (
	Invoke  Word = "invoke"
	OK      Word = "ok"
	Fail    Word = "fail"    // the server says that it did nothing
	Unknown Word = "unknown" // no answer, or one that says that nobody knows
)

// Line is one line of a journal.
type Line struct {
	Op     int      `json:"op"` // number of the operation
	Word   Word     `json:"word"`
	Person string   `json:"person,omitempty"`
	IDs    []string `json:"ids,omitempty"`    // with Invoke: the actions sent
	Points []int64  `json:"points,omitempty"` // with OK: what each was first answered
	Total  int64    `json:"total,omitempty"`  // with OK: what the person was told
	Reason string   `json:"reason,omitempty"` // with Fail and Unknown
}

// Journal is what the clients saw, on a disk that is no part of the system. It is
// safe for concurrent use.
type Journal struct {
	mu   sync.Mutex
	file *os.File
	ops  int
	err  error
}

// NewJournal begins a journal in a file that does not exist yet.
func NewJournal(path string) (*Journal, error) {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	return &Journal{file: file}, err
}

// Begin numbers an operation and writes its Invoke. It is on disk when Begin
// answers, as is what End writes.
func (j *Journal) Begin(person string, ids []string) (op int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.ops++
	j.write(Line{Op: j.ops, Word: Invoke, Person: person, IDs: ids})
	return j.ops
}

// End writes how an operation ended.
func (j *Journal) End(line Line) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.write(line)
}

func (j *Journal) write(line Line) {
	text, err := json.Marshal(line)
	if err == nil {
		_, err = j.file.Write(append(text, '\n'))
	}
	if err == nil {
		err = j.file.Sync()
	}
	if err != nil && j.err == nil {
		j.err = err
	}
}

// Close ends the journal and says whether all of it was written.
func (j *Journal) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.file.Close(); j.err == nil {
		j.err = err
	}
	return j.err
}

// Read reads a journal.
func Read(r io.Reader) ([]Line, error) {
	var lines []Line
	in := bufio.NewScanner(r)
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		var line Line
		if err := json.Unmarshal(in.Bytes(), &line); err != nil {
			return nil, fmt.Errorf("line %d of the journal: %w", len(lines)+1, err)
		}
		lines = append(lines, line)
	}
	return lines, in.Err()
}
