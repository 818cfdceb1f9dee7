package dump

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/musterhq/muster/store"
)

// maxLine bounds a line. Base64 makes four bytes of three; Extended JSON, of at
// most maxPlain, up to six of one.
const maxLine = 2 * store.MaxDocument

// scan reads a whole file, hands each document's line to take, and holds the
// end against what was read. It answers an error of take's as it is.
func scan(r io.Reader, schemas []store.Schema, take func(line) error) (Report, error) {
	report := Report{Documents: map[string]int64{}}
	from := &source{from: r}
	zip, err := gzip.NewReader(from)
	if err != nil {
		return report, from.cause(err, "it is not a gzip file")
	}
	lines := bufio.NewScanner(zip)
	lines.Buffer(make([]byte, 0, 1<<16), maxLine)
	lines.Split(wholeLines)
	if !lines.Scan() {
		return report, from.cause(lines.Err(), "it is empty")
	}
	if report.Header, err = readHeader(lines.Bytes(), schemas); err != nil {
		return report, err
	}
	for _, name := range report.Header.Collections {
		report.Documents[name] = 0
	}
	sum := sha256.New()
	sum.Write(lines.Bytes())
	for lines.Scan() {
		l, err := parse(lines.Bytes())
		if err != nil {
			return report, damaged("line %d of its documents is no JSON", report.Total()+1)
		}
		if l.End != nil {
			return report, from.finish(report, l.End, hex.EncodeToString(sum.Sum(nil)), lines)
		}
		sum.Write(lines.Bytes())
		if _, ok := report.Documents[l.Collection]; !ok || (l.Document == nil) == (l.BSON == nil) {
			return report, damaged("line %d of its documents is none", report.Total()+1)
		}
		report.Documents[l.Collection]++
		if err := take(l); err != nil {
			return report, err
		}
	}
	return report, from.cause(lines.Err(), "it has no end: it was cut")
}

func readHeader(text []byte, schemas []store.Schema) (Header, error) {
	var h Header
	if err := json.Unmarshal(text, &h); err != nil || h.Format < 1 {
		return h, damaged("it does not begin with the header of an export")
	}
	if h.Format > format {
		return h, ErrNewer
	}
	for _, name := range h.Collections {
		if !slices.ContainsFunc(schemas, func(s store.Schema) bool { return s.Name == name && !s.Derived }) {
			return h, fmt.Errorf("%w: this one does not know all its collections", ErrNewer)
		}
	}
	return h, nil
}

// finish holds the end against what was read.
func (s *source) finish(report Report, end *end, sum string, lines *bufio.Scanner) error {
	if lines.Scan() || lines.Err() != nil {
		return s.cause(lines.Err(), "something follows its end")
	}
	if end.SHA256 != sum || !maps.Equal(end.Documents, report.Documents) {
		return damaged("its documents are not as they were written")
	}
	return nil
}

// source reads a file and keeps what went wrong: that is answered as it is, and
// everything else that fails is the file's own fault.
type source struct {
	from io.Reader
	err  error // other than io.EOF
}

// Read implements io.Reader.
func (s *source) Read(p []byte) (int, error) {
	n, err := s.from.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

// cause says why nothing more was read; err may be nil, for the file's end.
func (s *source) cause(err error, why string) error {
	switch {
	case s.err != nil:
		return s.err
	case err == nil, errors.Is(err, io.EOF):
		return damaged("%s", why)
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, errTorn):
		return damaged("it was cut")
	}
	return damaged("it cannot be read (%s)", err)
}

var errTorn = errors.New("the last line is cut")

// wholeLines splits at newlines and keeps them: the hash is over every byte.
func wholeLines(data []byte, atEOF bool) (advance int, token []byte, err error) {
	if at := bytes.IndexByte(data, '\n'); at >= 0 {
		return at + 1, data[:at+1], nil
	}
	if atEOF && len(data) > 0 {
		return 0, nil, errTorn
	}
	return 0, nil, nil
}
