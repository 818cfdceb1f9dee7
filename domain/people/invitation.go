package people

import (
	"context"
	"encoding/base64"
	"errors"
	"slices"
	"time"

	"github.com/musterhq/muster/domain/campaign"
	"github.com/musterhq/muster/internal/errs"
	"github.com/musterhq/muster/store"
)

// InviteRequest makes an invitation.
type InviteRequest struct {
	Grants  []campaign.Grant // what who accepts is given; at least one
	Uses    int              // how many people may accept, 1 to 500
	Expires time.Time        // at most 90 days away
	Key     string           // Idempotency-Key, or ""
}

const (
	maxUses        = 500
	maxInvitation  = 90 * 24 * time.Hour
	invitationKept = 24 * time.Hour // after its end, so that it can be named as ended
)

// invitation is stored under the hash of its code: who reads the store cannot
// use it.
type invitation struct {
	store.Meta `bson:",inline"`
	By         string           `bson:"by"` // the person whose rights it lends
	Grants     []campaign.Grant `bson:"grants"`
	Uses       int              `bson:"uses"`
	// Taken are the people who accepted: the count is exact and a repeat by
	// one of them takes nothing.
	Taken     []string  `bson:"taken,omitempty"`
	CreatedAt time.Time `bson:"created_at"`
	ExpiresAt time.Time `bson:"expires_at"`
	PurgeAt   time.Time `bson:"purge_at"`
}

var invitationSchema = store.Schema{
	Name:    "invitations",
	Indexes: []store.Index{{Name: "purge", Order: "purge_at", Expire: true}},
}

// invitationID is the hash under which a code is stored. The code is long and
// random, so a plain hash is enough.
func invitationID(code string) string { return store.IDFrom("invitation", code) }

// Invite gives the code of a new invitation, for a link. The same person may
// invite to what they may give by PutRoles; a service token may not, since an
// invitation holds only while its inviter could still give its roles. A repeat
// under the same Key gives the same code, and changes nothing; the same Key for
// something else is Conflict key_reused. Other errors: Invalid role_invalid,
// uses_invalid, expiry_invalid, field_invalid; Forbidden role_forbidden.
func (s *Service) Invite(ctx context.Context, campaignID string, by Identity, in InviteRequest) (code string, err error) {
	giver, err := s.authority(ctx, campaignID, by)
	if err != nil {
		return "", err
	}
	forbidden := errs.New(errs.Forbidden, "role_forbidden", "You may not invite to this role. Ask an admin.")
	if by.Person == "" || !(holds(giver, campaign.Admin) || holds(giver, campaign.Staff)) {
		return "", forbidden
	}
	now := s.clock.Now()
	if err := in.check(now); err != nil {
		return "", err
	}
	grants, err := s.normalGrants(ctx, campaignID, in.Grants)
	if err != nil {
		return "", err
	}
	for _, g := range grants[1:] { // the first is supporter, which everybody is
		if !mayGive(giver, g.Role) {
			return "", forbidden
		}
	}
	key := in.Key
	if key == "" {
		key = store.NewID()
	}
	code = base64.RawURLEncoding.EncodeToString(s.keys.Load().derive("invitation", campaignID, by.Person, key))
	wanted := &invitation{
		Meta: store.Meta{ID: invitationID(code)}, By: by.Person, Grants: grants, Uses: in.Uses,
		CreatedAt: now, ExpiresAt: in.Expires, PurgeAt: in.Expires.Add(invitationKept),
	}
	err = s.invitations.InsertOne(ctx, campaignID, wanted)
	if errors.Is(err, store.ErrDuplicate) {
		return code, s.sameInvitation(ctx, campaignID, wanted)
	}
	if err != nil {
		return "", storeError(err)
	}
	s.log.Info("invitation made", "campaign", campaignID, "by", by.Person, "invitation", invitationID(code), "uses", in.Uses)
	return code, nil
}

// sameInvitation refuses a key that was used for an invitation to something else.
func (s *Service) sameInvitation(ctx context.Context, campaignID string, wanted *invitation) error {
	first, err := s.invitations.Get(ctx, campaignID, wanted.ID)
	if err != nil {
		return storeError(err)
	}
	if !slices.Equal(first.Grants, wanted.Grants) || first.Uses != wanted.Uses || first.ExpiresAt.UnixMilli() != wanted.ExpiresAt.UnixMilli() {
		return errs.New(errs.Conflict, "key_reused", "This Idempotency-Key was used for another request. Use a new one.")
	}
	return nil
}

func (in *InviteRequest) check(now time.Time) error {
	if err := checkFields("", in.Key, ""); err != nil {
		return err
	}
	if len(in.Grants) == 0 {
		return errs.New(errs.Invalid, "role_invalid", "An invitation names at least one role.")
	}
	if in.Uses < 1 || in.Uses > maxUses {
		return errs.New(errs.Invalid, "uses_invalid", "An invitation is for 1 to %d people.", maxUses)
	}
	if !in.Expires.After(now) || in.Expires.After(now.Add(maxInvitation)) {
		return errs.New(errs.Invalid, "expiry_invalid", "An invitation ends in the future, at most 90 days from now.")
	}
	in.Expires = in.Expires.UTC().Truncate(time.Millisecond)
	return nil
}

func invitationEnded() error {
	return errs.New(errs.Gone, "invitation_ended", "This invitation has ended or was used up. Ask for a new one.")
}

// openInvitation gives an invitation that somebody may still accept, or Gone
// invitation_ended.
func (s *Service) openInvitation(ctx context.Context, campaignID, id string) (*invitation, error) {
	inv, err := s.invitations.Get(ctx, campaignID, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, invitationEnded()
	}
	if err != nil {
		return nil, storeError(err)
	}
	if !s.clock.Now().Before(inv.ExpiresAt) || len(inv.Taken) >= inv.Uses {
		return nil, invitationEnded()
	}
	return inv, nil
}

// Accept gives the person the roles of the invitation with this code, and
// counts them among its uses once. What the inviter may not give any more is
// not given. Errors: Gone invitation_ended; Forbidden own_roles, role_forbidden;
// NotFound person_unknown.
func (s *Service) Accept(ctx context.Context, campaignID, person, code string) (*Person, error) {
	return s.accept(ctx, campaignID, person, invitationID(code))
}

func (s *Service) accept(ctx context.Context, campaignID, person, id string) (*Person, error) {
	inv, err := s.invitations.Get(ctx, campaignID, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, invitationEnded()
	}
	if err != nil {
		return nil, storeError(err)
	}
	if inv.By == person {
		return nil, errs.New(errs.Forbidden, "own_roles", "Nobody gives themselves a role. Ask an admin.")
	}
	giver, err := s.authority(ctx, campaignID, Identity{Campaign: campaignID, Person: inv.By})
	if err != nil {
		return nil, err
	}
	for _, g := range inv.Grants[1:] {
		if !mayGive(giver, g.Role) {
			return nil, errs.New(errs.Forbidden, "role_forbidden", "Who invited you may not give this role any more. Ask for a new invitation.")
		}
	}
	if _, err := s.Person(ctx, campaignID, person); err != nil {
		return nil, err // before a use is taken for somebody who is not there
	}
	if err := s.takeUse(ctx, campaignID, person, id); err != nil {
		return nil, err
	}
	p, err := s.putGrants(ctx, campaignID, person, func(p *Person) ([]campaign.Grant, error) {
		return append(slices.Clone(p.Grants), difference(inv.Grants, p.Grants)...), nil
	})
	if err != nil {
		return nil, err
	}
	s.log.Info("invitation accepted", "campaign", campaignID, "by", inv.By, "person", person, "invitation", id)
	return p, nil
}

// takeUse counts the person among those who accepted, in one Update. A person
// who is counted already takes no further use, so what a crash broke off
// before the roles were given can be repeated.
func (s *Service) takeUse(ctx context.Context, campaignID, person, id string) error {
	now := s.clock.Now()
	_, err := s.invitations.Update(ctx, campaignID, id, func(inv *invitation) error {
		if !now.Before(inv.ExpiresAt) {
			return invitationEnded()
		}
		if slices.Contains(inv.Taken, person) {
			return nil
		}
		if len(inv.Taken) >= inv.Uses {
			return invitationEnded()
		}
		inv.Taken = append(inv.Taken, person)
		return nil
	})
	if errors.Is(err, store.ErrNotFound) {
		return invitationEnded()
	}
	return storeError(err)
}

// acceptAtSignIn accepts the invitation that came with the sign-up. One that
// ended meanwhile, or was not the inviter's to give, keeps nobody out.
func (s *Service) acceptAtSignIn(ctx context.Context, p *Person, id string) (*Person, error) {
	accepted, err := s.accept(ctx, p.Campaign, p.ID, id)
	switch errs.KindOf(err) {
	case errs.Gone, errs.Forbidden:
		s.log.Info("invitation not accepted", "campaign", p.Campaign, "person", p.ID, "invitation", id, "reason", errs.CodeOf(err))
		return p, nil
	}
	return accepted, err
}
