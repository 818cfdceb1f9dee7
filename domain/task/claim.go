package task

import (
	"strconv"
	"time"

	"github.com/musterhq/muster/store"
)

// ClaimState is where one holding of a slot stands.
type ClaimState string

// The states of a claim. A held claim whose TakenUntil has passed has expired:
// its slot is free, though its holder may still complete it until somebody
// else takes the slot.
const (
	Held      ClaimState = "held"
	Completed ClaimState = "completed"
	GivenBack ClaimState = "given_back"
)

// Claim is one slot of a task and who holds it. Its id is "<task>/<slot>", so
// there is one document a slot and a slot has one holder.
type Claim struct {
	store.Meta `bson:",inline"`
	Task       string     `bson:"task"`
	Slot       int        `bson:"slot"` // 1 to the task's capacity
	Account    string     `bson:"account"`
	State      ClaimState `bson:"state"`
	ClaimedAt  time.Time  `bson:"claimed_at"`
	ExpiresAt  time.Time  `bson:"expires_at"`
	// Holder is Account while the claim is held or completed and absent after
	// it was given back: unique with Task, so one person has one slot of a task.
	Holder string `bson:"holder,omitempty"`
	// TakenUntil is when the slot falls free: ExpiresAt while held, the task's
	// end once completed, absent when given back. What is free is read from it.
	TakenUntil *time.Time `bson:"taken_until,omitempty"`
	// Turn counts the holders of the slot, so that each one's events have ids
	// of their own.
	Turn          int `bson:"turn"`
	store.Effects `bson:",inline"`
}

func claimID(task string, slot int) string { return task + "/" + strconv.Itoa(slot) }

// free says whether another person may take the slot at now.
func (c *Claim) free(now time.Time) bool { return c.TakenUntil == nil || !now.Before(*c.TakenUntil) }

// take makes account the holder of the slot until the lease of t ends.
func (c *Claim) take(t *Task, account string, now time.Time) {
	c.release(t)
	until := t.leaseUntil(now)
	c.Account, c.Holder, c.State = account, account, Held
	c.ClaimedAt, c.ExpiresAt, c.TakenUntil = now, until, &until
	c.Turn++
	announce(&c.Effects, t, takenEvent, c.eventID("taken"), now)
	// Nobody writes anything when a lease runs out, so the news of it is due
	// then; completing or giving back withdraws it.
	announce(&c.Effects, t, givenBackEvent, c.eventID("expired"), until)
}

// complete keeps the slot taken for the rest of the task's time.
func (c *Claim) complete(t *Task) {
	c.release(t)
	c.State, c.TakenUntil = Completed, &t.EndsAt
}

// giveBack frees the slot. Account stays, so that a repeated call is known.
func (c *Claim) giveBack(t *Task, now time.Time) {
	c.release(t)
	c.State, c.Holder, c.TakenUntil = GivenBack, "", nil
	announce(&c.Effects, t, givenBackEvent, c.eventID("given_back"), now)
}

// release withdraws the news of the present turn's expiry.
func (c *Claim) release(t *Task) { withdraw(&c.Effects, t, c.eventID("expired")) }

func (c *Claim) eventID(what string) string {
	return "claim/" + c.ID + "/" + strconv.Itoa(c.Turn) + "/" + what
}

var claimSchema = store.Schema{
	Name:     "claims",
	ShardKey: "task",
	Indexes: []store.Index{
		{Name: "holder", Equal: []string{"task", "holder"}, Unique: true},
		{Name: "person", Equal: []string{"task", "account"}, Order: "claimed_at"},
		{Name: "taken", Equal: []string{"task"}, Order: "taken_until"},
		{Name: "account", Equal: []string{"account"}, Order: "taken_until"},
		store.EffectsIndex,
	},
}
