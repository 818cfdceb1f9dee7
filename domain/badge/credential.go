package badge

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/musterhq/muster/internal/errs"
	"github.com/musterhq/muster/store"
)

// The contexts of a credential: the data model 2.0 of the W3C and Open Badges 3.0.
const (
	contextVC = "https://www.w3.org/ns/credentials/v2"
	contextOB = "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json"
)

// Issuer is who signs: a campaign, at the address that people reach it by.
type Issuer struct {
	Base     string // https://example.org, without a slash at its end
	Campaign string // id
	Name     string
}

func (i Issuer) address(path string) string {
	return i.Base + "/v1/campaigns/" + i.Campaign + path
}

// Profile is the issuer in a credential, and as it is served at its id.
type Profile struct {
	Context []string `json:"@context,omitempty"`
	ID      string   `json:"id"`
	Type    []string `json:"type"`
	Name    string   `json:"name"`
}

// Profile is the issuer's.
func (i Issuer) Profile() Profile {
	return Profile{ID: i.address("/issuer"), Type: []string{"Profile"}, Name: i.Name}
}

// Served is the profile as a document of its own.
func (p Profile) Served() Profile {
	p.Context = []string{contextVC, contextOB}
	return p
}

// credential is an AchievementCredential of Open Badges 3.0.
type credential struct {
	Context     []string `json:"@context"`
	ID          string   `json:"id"`
	Type        []string `json:"type"`
	Name        string   `json:"name"`
	Description string   `json:"description"`
	Issuer      Profile  `json:"issuer"`
	ValidFrom   string   `json:"validFrom"`
	AwardedDate string   `json:"awardedDate"`
	Subject     subject  `json:"credentialSubject"`
	Status      status   `json:"credentialStatus"`
}

type subject struct {
	ID          string       `json:"id"`
	Type        []string     `json:"type"`
	Identifier  []identity   `json:"identifier,omitempty"`
	Achievement *achievement `json:"achievement"`
}

// identity is an IdentityObject.
type identity struct {
	Type     string `json:"type"`
	Hash     string `json:"identityHash"` // the value itself, where Hashed is false
	Identity string `json:"identityType"`
	Hashed   bool   `json:"hashed"`
}

type achievement struct {
	ID          string   `json:"id"`
	Type        []string `json:"type"`
	Name        string   `json:"name"`
	Description string   `json:"description"`
	Criteria    criteria `json:"criteria"`
}

type criteria struct {
	Narrative string `json:"narrative"`
}

type status struct {
	ID      string `json:"id"`
	Type    string `json:"type"`
	Purpose string `json:"statusPurpose"`
	Index   string `json:"statusListIndex"`
	List    string `json:"statusListCredential"`
}

// Credential is the badge that an account holds as a signed Open Badges 3.0
// credential. Its subject is a random id that stands for this badge alone, so two
// badges cannot be told to be one person's; name, if not "", is in it in clear. The
// first call gives it a place in the status list. Only the holder may be given it.
// Errors: NotFound badge_not_held; Unavailable.
func (s *Service) Credential(ctx context.Context, campaignID, account, badge, name string, issuer Issuer) (string, error) {
	award, err := s.listed(ctx, campaignID, account, badge)
	if err != nil {
		return "", err
	}
	from := award.At.UTC().Format(time.RFC3339)
	list := issuer.address("/badge-status/" + award.List)
	c := credential{
		Context: []string{contextVC, contextOB},
		ID:      urn("credential", award.ID),
		Type:    []string{"VerifiableCredential", "AchievementCredential"},
		Name:    award.Name, Description: award.Description,
		Issuer: issuer.Profile(), ValidFrom: from, AwardedDate: from,
		Subject: subject{ID: urn("subject", award.ID), Type: []string{"AchievementSubject"}, Achievement: &achievement{
			ID: issuer.address("/badges/" + award.Badge), Type: []string{"Achievement"},
			Name: award.Name, Description: award.Description, Criteria: criteria{award.Criterion.Narrative()},
		}},
		Status: status{
			ID: list + "#" + strconv.Itoa(award.Index), Type: "BitstringStatusListEntry", Purpose: "revocation",
			Index: strconv.Itoa(award.Index), List: list,
		},
	}
	if name != "" {
		c.Subject.Identifier = []identity{{Type: "IdentityObject", Hash: name, Identity: "name"}}
	}
	return s.sign(issuer.Base, c, map[string]any{"iss": c.Issuer.ID, "jti": c.ID, "nbf": award.At.Unix(), "sub": c.Subject.ID})
}

// urn is a name that tells nothing of the award it stands for.
func urn(use, award string) string {
	sum := sha256.Sum256([]byte(use + " " + award))
	u := sum[:16]
	u[6], u[8] = u[6]&0x0f|0x80, u[8]&0x3f|0x80 // RFC 9562, version 8
	return fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}

// listed is the award of a badge that an account holds, with its place in a status
// list.
func (s *Service) listed(ctx context.Context, campaignID, account, badge string) (*Award, error) {
	notHeld := errs.New(errs.NotFound, "badge_not_held", "You do not hold this badge.")
	h, err := s.Holder(ctx, campaignID, account)
	if err != nil {
		return nil, err
	}
	award := h.Held(badge)
	if award == nil {
		return nil, notHeld
	}
	if award.List != "" {
		return award, nil
	}
	list, index, err := s.place(ctx, campaignID)
	if err != nil {
		return nil, err
	}
	h, err = s.holders.Update(ctx, campaignID, account, func(h *Holder) error {
		award := h.Held(badge)
		if award == nil {
			return notHeld
		}
		if award.List == "" { // else this place stays empty
			award.List, award.Index = list, index
		}
		return nil
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, notHeld
	}
	if err != nil {
		return nil, stored(err)
	}
	return h.Held(badge), nil
}
