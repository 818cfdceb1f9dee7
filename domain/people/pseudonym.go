package people

import (
	"crypto/sha256"
	_ "embed"
	"encoding/binary"
	"fmt"
	"strings"
)

// The words of pseudonyms: one adjective or noun a line, in two lists of 64
// parted by an empty line. They please, say nothing about whoever gets them,
// and leave out the colours and animals that parties go by. Changing them
// renames everybody, so they stay.
//
//go:embed pseudonyms.txt
var pseudonymWords string

const pseudonymList = 64

// Pseudonym is the name under which an account appears unless its person chose
// otherwise: "Amber Heron 4821". It follows from the account id alone, so it is
// the same on every node and tells nothing about the person. There are 41
// million; two accounts may share one, so it names and does not identify.
func Pseudonym(account string) string {
	sum := sha256.Sum256([]byte("pseudonym\x00" + account))
	first, second, _ := strings.Cut(strings.TrimSpace(pseudonymWords), "\n\n")
	n := binary.BigEndian.Uint64(sum[:8])
	adjective := word(first, int(n%pseudonymList))
	n /= pseudonymList
	noun := word(second, int(n%pseudonymList))
	n /= pseudonymList
	return fmt.Sprintf("%s %s %04d", adjective, noun, n%10_000)
}

// word gives line i of a list.
func word(list string, i int) string {
	for range i {
		_, list, _ = strings.Cut(list, "\n")
	}
	line, _, _ := strings.Cut(list, "\n")
	return line
}
