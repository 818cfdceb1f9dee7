package campaign

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/musterhq/muster/internal/errs"
)

// The columns an import reads, by their names in a header.
const (
	colCountry    = "country"
	colPostcode   = "postcode"
	colKind       = "kind"
	colPlace      = "place"
	colAdmin1     = "admin1"
	colAdmin1Code = "admin1_code"
	colAdmin2     = "admin2"
	colAdmin2Code = "admin2_code"
	colAdmin3     = "admin3"
	colAdmin3Code = "admin3_code"
	colLat        = "lat"
	colLon        = "lon"
	colPopulation = "population"
)

// geonames are the columns of GeoNames' own files: tabs, no header.
var geonames = []string{colCountry, colPostcode, colPlace, colAdmin1, colAdmin1Code, colAdmin2, colAdmin2Code, colAdmin3, colAdmin3Code, colLat, colLon, "accuracy"}

// columns says where each column stands.
type columns struct {
	at    map[string]int
	count int
}

func newColumns(names []string) columns {
	c := columns{at: make(map[string]int, len(names)), count: len(names)}
	for i, name := range names {
		c.at[name] = i
	}
	return c
}

// getter reads a field by its column's name; a column that the file does not
// have reads as "".
func (c columns) getter(fields []string) func(name string) string {
	return func(name string) string {
		if i, ok := c.at[name]; ok {
			return strings.TrimSpace(fields[i])
		}
		return ""
	}
}

// maxLine bounds a line of the file; a longer one is refused as a row.
const maxLine = 64 << 10

// lines reads a postcode file line by line: gzip or plain, with or without a
// byte order mark, LF or CRLF, commas with a header or GeoNames' tabs without.
// A row is a line: no quoted field may hold a line break, so that one open
// quote costs one row and not the rest of the file.
type lines struct {
	in      *bufio.Reader
	line    int // of the last row given
	columns columns
	tabs    bool
	first   []byte // the first row of a file without header, already read
}

func newLines(source io.Reader) (*lines, error) {
	in := bufio.NewReaderSize(source, maxLine)
	if magic, _ := in.Peek(2); bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		unzipped, err := gzip.NewReader(in)
		if err != nil {
			return nil, errs.Wrap(err, errs.Invalid, "import_format", "The file begins like gzip and is not.")
		}
		in = bufio.NewReaderSize(unzipped, maxLine)
	}
	if mark, _ := in.Peek(3); string(mark) == "\uFEFF" {
		_, _ = in.Discard(3) // just peeked: cannot fail
	}
	l := &lines{in: in}
	head, err := l.read()
	if errors.Is(err, io.EOF) {
		return nil, errs.New(errs.Invalid, "import_empty", "The file is empty.")
	}
	if errors.Is(err, errLongLine) {
		return nil, errs.New(errs.Invalid, "import_format", "The first line is longer than %d bytes: this is no postcode file.", maxLine)
	}
	if err != nil {
		return nil, err
	}
	if bytes.IndexByte(head, '\t') >= 0 {
		l.tabs, l.columns, l.first, l.line = true, newColumns(geonames), bytes.Clone(head), 0
		return l, nil
	}
	names, ok := splitComma(string(head))
	if !ok {
		names = nil
	}
	for i := range names {
		names[i] = strings.ToLower(strings.TrimSpace(names[i]))
	}
	for _, need := range []string{colCountry, colPostcode, colPlace, colAdmin1, colAdmin1Code, colLat, colLon} {
		if !slices.Contains(names, need) {
			return nil, errs.New(errs.Invalid, "import_format", "The first line names no column %q: use GeoNames' tab-separated file, or commas with the header country,postcode,kind,place,admin1,admin1_code,admin2,admin2_code,admin3,admin3_code,lat,lon.", need)
		}
	}
	l.columns = newColumns(names)
	return l, nil
}

// next gives the fields of the next row that is not blank, nil fields with a
// refusal for a line that is no row, and io.EOF at the end.
func (l *lines) next() (int, []string, *RefusedRow, error) {
	for {
		text := l.first
		if l.first = nil; text == nil {
			read, err := l.read()
			switch {
			case errors.Is(err, errLongLine):
				return l.line, nil, &RefusedRow{l.line, BadColumns, fmt.Sprintf("The line is longer than %d bytes.", maxLine)}, nil
			case err != nil:
				return 0, nil, nil, err
			}
			text = read
		} else {
			l.line++
		}
		if len(bytes.TrimSpace(text)) == 0 {
			continue
		}
		if l.tabs {
			return l.line, strings.Split(string(text), "\t"), nil, nil
		}
		fields, ok := splitComma(string(text))
		if !ok {
			return l.line, nil, &RefusedRow{l.line, BadText, "A quote is left open or stands inside a field without quotes."}, nil
		}
		return l.line, fields, nil, nil
	}
}

var errLongLine = errors.New("campaign: line too long")

// read gives the next line without its end. The bytes hold until the next call.
func (l *lines) read() ([]byte, error) {
	text, err := l.in.ReadSlice('\n')
	long := false
	for errors.Is(err, bufio.ErrBufferFull) {
		long = true
		text, err = l.in.ReadSlice('\n')
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, errs.Wrap(err, errs.Invalid, "import_unreadable", "The file cannot be read to its end.")
	}
	if err != nil && len(text) == 0 && !long {
		return nil, io.EOF
	}
	l.line++
	if long {
		return nil, errLongLine
	}
	return bytes.TrimRight(text, "\r\n"), nil
}

// splitComma splits one line of comma-separated values (RFC 4180 without line
// breaks in fields). It answers false for an open quote, a quote inside a bare
// field, or text after a closing quote.
func splitComma(line string) ([]string, bool) {
	fields := make([]string, 0, 12)
	for {
		if !strings.HasPrefix(line, `"`) {
			field, rest, more := strings.Cut(line, ",")
			if strings.Contains(field, `"`) {
				return nil, false
			}
			fields = append(fields, field)
			if !more {
				return fields, true
			}
			line = rest
			continue
		}
		var field strings.Builder
		line = line[1:]
		for {
			text, rest, closed := strings.Cut(line, `"`)
			if !closed {
				return nil, false
			}
			field.WriteString(text)
			if line = rest; !strings.HasPrefix(line, `"`) {
				break
			}
			field.WriteByte('"') // two quotes in a row stand for one
			line = line[1:]
		}
		fields = append(fields, field.String())
		if line == "" {
			return fields, true
		}
		if line[0] != ',' {
			return nil, false
		}
		line = line[1:]
	}
}
