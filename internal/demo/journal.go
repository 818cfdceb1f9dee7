package demo

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
)

// JournalLine is one acknowledged action.
type JournalLine struct {
	ID     string `json:"id"`
	Answer string `json:"answer"` // recorded, duplicate or rejected
}

// The answers an action gets.
const (
	recorded  = "recorded"
	duplicate = "duplicate"
	rejected  = "rejected"
)

// ReadJournal reads a journal. A torn last line, which a kill can leave, is
// passed over; any other line that is none is an error that names it.
func ReadJournal(r io.Reader) ([]JournalLine, error) {
	var all []JournalLine
	in := bufio.NewReader(r)
	for number := 1; ; number++ {
		text, err := in.ReadBytes('\n')
		last := errors.Is(err, io.EOF)
		if err != nil && !last {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		if len(bytes.TrimSpace(text)) > 0 {
			line, ok := parseLine(text)
			switch {
			case ok:
				all = append(all, line)
			case !last:
				return nil, fmt.Errorf("line %d is not a line of a journal", number)
			}
		}
		if last {
			return all, nil
		}
	}
}

func parseLine(text []byte) (JournalLine, bool) {
	var line JournalLine
	if json.Unmarshal(text, &line) != nil || line.ID == "" {
		return line, false
	}
	return line, line.Answer == recorded || line.Answer == duplicate || line.Answer == rejected
}

// Acknowledged lists the ids of a journal that must be in the ledger once:
// recorded and duplicate ones, each id once.
func Acknowledged(lines []JournalLine) []string {
	var ids []string
	seen := map[string]bool{}
	for _, line := range lines {
		if line.Answer != rejected && !seen[line.ID] {
			seen[line.ID] = true
			ids = append(ids, line.ID)
		}
	}
	return ids
}

// journal appends to a journal file. A nil journal takes everything and keeps
// nothing.
type journal struct {
	file *os.File

	mu      sync.Mutex // guards written and the order of writes
	written int64      // batches in the file

	syncing sync.Mutex
	synced  int64 // batches that are on disk
}

// openJournal opens the file for appending, and mends the torn line that an
// earlier kill may have left at its end.
func openJournal(path string) (*journal, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	if err := mend(file); err != nil {
		return nil, errors.Join(fmt.Errorf("journal: %w", err), file.Close())
	}
	return &journal{file: file}, nil
}

func mend(file *os.File) error {
	size, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	// A line is far shorter than this, so its beginning is in the tail.
	tail := make([]byte, min(size, 4096))
	if _, err := file.ReadAt(tail, size-int64(len(tail))); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	torn := tail[bytes.LastIndexByte(tail, '\n')+1:]
	if len(torn) == 0 {
		return nil
	}
	if _, ok := parseLine(torn); ok {
		_, err = file.Write([]byte("\n"))
		return err
	}
	if err := file.Truncate(size - int64(len(torn))); err != nil {
		return err
	}
	_, err = file.Seek(0, io.SeekEnd)
	return err
}

// add writes the lines of one batch and returns once they are on disk. Callers
// that come together share one fsync.
func (j *journal) add(lines []JournalLine) error {
	if j == nil {
		return nil
	}
	var text bytes.Buffer
	for _, line := range lines {
		encoded, err := json.Marshal(line)
		if err != nil {
			return fmt.Errorf("journal: %w", err)
		}
		text.Write(append(encoded, '\n'))
	}
	j.mu.Lock()
	_, err := j.file.Write(text.Bytes())
	j.written++
	mine := j.written
	j.mu.Unlock()
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	j.syncing.Lock()
	defer j.syncing.Unlock()
	if j.synced >= mine {
		return nil
	}
	j.mu.Lock()
	upTo := j.written
	j.mu.Unlock()
	if err := j.file.Sync(); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	j.synced = upTo
	return nil
}

func (j *journal) close() error {
	if j == nil {
		return nil
	}
	return j.file.Close()
}
