// Package all lists the services that connections can be made to.
package all

import (
	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/connector/fifteenfive"
	"github.com/penstock-data/penstock/connector/github"
	"github.com/penstock-data/penstock/connector/postgres"
)

// Services are all of them.
var Services = append([]connector.Service{fifteenfive.Service, github.Service}, postgres.Services...)
