package briefing

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/musterhq/muster/domain/campaign"
	"github.com/musterhq/muster/internal/errs"
	"github.com/musterhq/muster/store"
)

// State is where a briefing stands.
type State string

// The states of a briefing, in order. An edit takes one that is not yet
// scheduled back to Draft; Recalled can follow from Scheduled on.
const (
	Draft     State = "draft"
	Review    State = "review"
	Approved  State = "approved"
	Scheduled State = "scheduled"
	Sending   State = "sending" // the first tier has opened
	Sent      State = "sent"    // the last tier has settled
	Recalled  State = "recalled"
)

// TierName is a release group.
type TierName string

// The tiers, in the only order there is.
const (
	Media      TierName = "media"      // who holds the role media
	Supporters TierName = "supporters" // everybody who agreed to be told
)

var tierOrder = []TierName{Media, Supporters}

// TierState is where a tier stands; it never goes back.
type TierState string

// The states of a tier.
const (
	Waiting TierState = "waiting"
	Open    TierState = "open"
	Settled TierState = "settled" // every delivery has a final outcome
)

// Limits of a briefing's content, in characters.
const (
	MaxTitle  = 200
	MaxNotice = 100
	MaxText   = 20_000
)

// defaultNotice is what a locked phone shows unless the briefing says otherwise.
const defaultNotice = "A new briefing for you"

// Content is what HQ writes.
type Content struct {
	Title string `bson:"title"`
	// Notice is the neutral title that a push and a mail carry; it must give
	// nothing away. "" means a standard one.
	Notice string `bson:"notice"`
	Text   string `bson:"text"`
}

// hash names the content: an approval holds for exactly one.
func (c Content) hash() string {
	sum := sha256.Sum256([]byte(c.Title + "\x00" + c.Notice + "\x00" + c.Text))
	return hex.EncodeToString(sum[:])
}

func (c *Content) check() error {
	c.Title, c.Notice, c.Text = strings.TrimSpace(c.Title), strings.TrimSpace(c.Notice), strings.TrimSpace(c.Text)
	if c.Notice == "" {
		c.Notice = defaultNotice
	}
	for _, field := range []struct {
		value, code, name string
		limit             int
	}{
		{c.Title, "briefing_title_invalid", "title", MaxTitle},
		{c.Notice, "briefing_notice_invalid", "notice", MaxNotice},
		{c.Text, "briefing_text_invalid", "text", MaxText},
	} {
		n := utf8.RuneCountInString(field.value)
		if n == 0 || n > field.limit || !utf8.ValidString(field.value) || strings.ContainsRune(field.value, 0) {
			return errs.New(errs.Invalid, field.code, "Give the briefing a %s of 1 to %d characters.", field.name, field.limit)
		}
	}
	return nil
}

// Approval is one person's yes to one content.
type Approval struct {
	By   string    `bson:"by"`
	At   time.Time `bson:"at"`
	Hash string    `bson:"hash"` // of the content approved
}

// Tier is one release group of a scheduled briefing.
type Tier struct {
	Name TierName  `bson:"name"`
	At   time.Time `bson:"at"` // not before
	// WaitLimit is how long after this tier opened the next one still waits
	// for it to settle; 0 means that it always waits.
	WaitLimit time.Duration `bson:"wait_limit,omitempty"`
	// Deadline is how long after opening a delivery is still tried.
	Deadline time.Duration `bson:"deadline"`
	State    TierState     `bson:"state"`
	Cuts     []string      `bson:"cuts,omitempty"` // the cuts whose parcels count; see Parcel.Cut
	OpenedAt *time.Time    `bson:"opened_at,omitempty"`
	// CountFrom is the later of the two clocks at the opening: waits and
	// deadlines count from it, so that a slow clock shortens neither.
	CountFrom *time.Time `bson:"count_from,omitempty"`
	SettledAt *time.Time `bson:"settled_at,omitempty"`
	Outcomes  *Outcomes  `bson:"outcomes,omitempty"` // once settled
}

// expired says whether a delivery of an open tier is no longer worth trying.
func (t *Tier) expired(now time.Time) bool {
	return t.State == Open && !now.Before(t.CountFrom.Add(t.Deadline))
}

// Briefing is one message from HQ and its whole history.
type Briefing struct {
	store.Meta `bson:",inline"`
	Content    `bson:",inline"`
	// Authors are the people who wrote any of the content, first the one who
	// began; none of them may approve it.
	Authors []string `bson:"authors"`
	State   State    `bson:"state"`
	// Needed is how many people must approve.
	Needed    int        `bson:"needed"`
	Approvals []Approval `bson:"approvals,omitempty"`
	CreatedAt time.Time  `bson:"created_at"`
	EditedAt  time.Time  `bson:"edited_at"`
	Tiers     []Tier     `bson:"tiers,omitempty"` // from Scheduled on
	// Opened is since when each group may read it; it is what lists run by.
	Opened     Opened     `bson:"opened"`
	SentAt     *time.Time `bson:"sent_at,omitempty"`
	RecalledAt *time.Time `bson:"recalled_at,omitempty"`
	RecalledBy string     `bson:"recalled_by,omitempty"`
	// ActiveAt is when the next step may be due; absent when none will come.
	ActiveAt *time.Time `bson:"active_at,omitempty"`
	// Cutting is the cut being made, under a lease; nil when none is.
	Cutting       *Cutting `bson:"cutting,omitempty"`
	store.Effects `bson:",inline"`
}

// Opened holds the instant from which each group may read a briefing; absent
// before it, and after a recall.
type Opened struct {
	Media      *time.Time `bson:"media,omitempty"`
	Supporters *time.Time `bson:"supporters,omitempty"`
}

// Cutting is a cut under way: parcels written under ID count only once the
// briefing lists ID in a tier.
type Cutting struct {
	ID    string    `bson:"id"`
	Until time.Time `bson:"until"`
}

// approved says whether enough people other than its authors approved exactly
// this content.
func (b *Briefing) approved() bool {
	yes := map[string]bool{}
	for _, a := range b.Approvals {
		if a.Hash == b.hash() && !slices.Contains(b.Authors, a.By) {
			yes[a.By] = true
		}
	}
	return len(yes) >= b.Needed && b.Needed > 0
}

// running says whether tiers may still move.
func (b *Briefing) running() bool { return b.State == Scheduled || b.State == Sending }

// Viewer is who asks to read; people.Identity is one.
type Viewer interface {
	Has(role campaign.Role) bool
}

// Visible says whether v may read b: HQ always, others from the moment a tier
// that holds them is open. Every path that shows a briefing asks it.
func Visible(b *Briefing, v Viewer) bool {
	if hq(v) {
		return true
	}
	if b.State == Recalled {
		return false
	}
	switch group(v) {
	case Media:
		return b.Opened.Media != nil
	case Supporters:
		return b.Opened.Supporters != nil
	}
	return false
}

// hq says whether v sees every briefing in every state.
func hq(v Viewer) bool { return v.Has(campaign.Staff) || v.Has(campaign.Admin) }

// group is the earliest tier that holds v, "" when none does (a wall screen).
func group(v Viewer) TierName {
	if v.Has(campaign.Media) {
		return Media
	}
	for _, role := range []campaign.Role{campaign.Supporter, campaign.Volunteer, campaign.Lead, campaign.Staff, campaign.Admin} {
		if v.Has(role) {
			return Supporters
		}
	}
	return ""
}

// Schemas declares the room's collections.
var Schemas = []store.Schema{briefingSchema, parcelSchema, receiptSchema}

var briefingSchema = store.Schema{
	Name: "briefings",
	Indexes: []store.Index{
		{Name: "created", Order: "created_at"},
		{Name: "media", Order: "opened.media"},
		{Name: "supporters", Order: "opened.supporters"},
		// The workers' list, over all campaigns.
		{Name: "active", Order: "active_at", Across: true},
		store.EffectsIndex,
	},
}
