package main

import (
	"fmt"

	"github.com/musterhq/muster/domain/campaign"
	"github.com/musterhq/muster/internal/app"
	"github.com/musterhq/muster/internal/errs"
	"github.com/musterhq/muster/store"
)

type campaignCmd struct {
	Create campaignCreateCmd `cmd:"" help:"Create a campaign and its first admin."`
	List   campaignListCmd   `cmd:"" help:"List the campaigns."`
}

type campaignCreateCmd struct {
	storage `embed:""`

	ID         string `arg:"" help:"Id: 2 to 63 lower-case letters, digits and hyphens."`
	Name       string `help:"Name that people see." required:""`
	AdminEmail string `help:"E-mail of the first admin, who signs in with a code." required:"" placeholder:"EMAIL"`
	Parent     string `help:"Id of the campaign above this one." placeholder:"ID"`
	TimeZone   string `help:"Time zone in which seasons and days begin." default:"UTC"`
	seasonFlag `embed:""`
	MinimumAge int `help:"Ask for the year of birth and refuse younger people; 0 asks nobody." default:"0"`
}

// seasonFlag is how long a new campaign's seasons are.
type seasonFlag struct {
	SeasonWeeks seasonWeeks `help:"Of a new campaign: how many weeks a season of the boards lasts, 1 to 13. It cannot be changed later." default:"1" env:"MUSTER_SEASON_WEEKS"`
}

type seasonWeeks int

// Validate is called by kong; 0 would be taken for the default.
func (w seasonWeeks) Validate() error {
	if w < 1 || w > campaign.MaxSeasonWeeks {
		return fmt.Errorf("a season lasts 1 to %d weeks", campaign.MaxSeasonWeeks)
	}
	return nil
}

// Run creates the campaign.
func (c *campaignCreateCmd) Run(env *environment) error {
	a, err := c.open(env.ctx, env)
	if err != nil {
		return err
	}
	defer a.Close()
	return createCampaign(env, a, campaign.Campaign{
		Meta: store.Meta{ID: c.ID}, Name: c.Name, Parent: c.Parent, TimeZone: c.TimeZone, SeasonWeeks: int(c.SeasonWeeks), MinimumAge: c.MinimumAge,
	}, c.AdminEmail)
}

func createCampaign(env *environment, a *app.App, wanted campaign.Campaign, adminEmail string) error {
	if err := a.CreateCampaign(env.ctx, wanted, adminEmail); err != nil {
		return plain(err)
	}
	fmt.Fprintf(env.err, "Created campaign %s. Its admin signs in with a code sent to the address given.\n", wanted.ID)
	fmt.Fprintf(env.err, "Next: muster import postcodes FILE --campaign %s\n", wanted.ID)
	return nil
}

type campaignListCmd struct {
	storage `embed:""`
}

// Run lists id and name, a campaign a line.
func (c *campaignListCmd) Run(env *environment) error {
	a, err := c.openExisting(env.ctx, env)
	if err != nil {
		return err
	}
	defer a.Close()
	campaigns, err := a.Campaigns.All(env.ctx)
	if err != nil {
		return err
	}
	for _, each := range campaigns {
		fmt.Fprintf(env.out, "%s\t%s\n", each.ID, each.Name)
	}
	return nil
}

// plain turns an error of the domain into the sentence it was made with; what
// the caller got wrong becomes a usageError.
func plain(err error) error {
	switch errs.KindOf(err) {
	case errs.Invalid, errs.Conflict, errs.NotFound:
		return usageError{fmt.Errorf("%s", errs.MessageOf(err))}
	}
	return err
}
