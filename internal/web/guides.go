package web

import (
	"embed"
	"html/template"
)

//go:embed guides
var guideFiles embed.FS

// A guide says what to do at the vendor before the form can be filled in: HTML
// of our own; "": there is none.
type guide template.HTML

// guideFamilies are the services that share a guide, beside those that have the
// guide of their own id.
var guideFamilies = map[string]string{
	"source aurora_postgres": "postgres", "source azure_postgres": "postgres", "source google_cloud_postgresql": "postgres",
	"source heroku_postgres": "postgres", "source postgres_rds": "postgres", "source salesforce_sandbox": "salesforce",
	"destination aurora_postgres_warehouse": "postgres_warehouse", "destination azure_postgres_warehouse": "postgres_warehouse",
	"destination postgres_rds_warehouse": "postgres_warehouse", "destination postgres_gcp_warehouse": "postgres_warehouse",
	"destination aurora_warehouse": "mysql_warehouse", "destination azure_mysql_warehouse": "mysql_warehouse",
	"destination mysql_rds_warehouse": "mysql_warehouse", "destination maria_warehouse": "mysql_warehouse",
	"destination maria_rds_warehouse": "mysql_warehouse", "destination maria_azure_warehouse": "mysql_warehouse",
}

// guideOf returns the guide for a service of a kind, "source" or "destination".
func guideOf(id, kind string) guide {
	name := guideFamilies[kind+" "+id]
	if name == "" {
		name = id
	}
	b, err := guideFiles.ReadFile("guides/" + kind + "-" + name + ".html")
	if err != nil {
		return ""
	}
	return guide(b)
}

// HTML is the guide as a part of a page.
func (g guide) HTML() template.HTML { return template.HTML(g) }
