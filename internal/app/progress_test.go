package app

import (
	"fmt"
	"slices"
	"testing"
)

// A stage that somebody else began is told from where it is taken up.
func TestStagesBeginWhereTheyAreTakenUp(t *testing.T) {
	var told []string
	show := Progress(func(step string, done, total int64) { told = append(told, fmt.Sprint(step, " ", done, "/", total)) }).stages("liguria")
	show("checkpoints", 1000, 5000)
	show("checkpoints", 1050, 5000)
	show("postings", 200, 0)
	show("postings", 300, 0)
	want := []string{"liguria checkpoints 0/4000", "liguria checkpoints 50/4000", "liguria postings 0/0", "liguria postings 100/0"}
	if !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
	Progress(nil).stages("liguria")("checkpoints", 1, 2) // nobody looks
}
