package web

import (
	"html/template"
	"strings"
)

// A look is how a service is drawn: a glyph on a square of a colour.
type look struct{ glyph, color string }

// Icon is a drawing of the service. Those of a family look alike.
func (s *service) Icon() template.HTML {
	l, ok := kindLooks[s.Kind]
	if !ok {
		l = kindLooks[""]
	}
	for _, f := range families {
		if strings.Contains(s.ID, f.part) {
			l = f.look
			break
		}
	}
	return template.HTML(`<svg class="icon" viewBox="0 0 32 32" aria-hidden="true"><rect width="32" height="32" rx="8" fill="` + l.color + `"/>` +
		`<g fill="none" stroke="#fff" stroke-width="2" stroke-linecap="round" stroke-linejoin="round">` + glyphs[l.glyph] + `</g></svg>`)
}

// families are looks by a part of services' ids; the first that fits counts.
var families = []struct {
	part string
	look
}{
	{"mongo", look{"leaf", "#3b7a43"}}, {"dynamo", look{"key", "#3a5fb0"}}, {"documentdb", look{"leaf", "#4d6f2f"}},
	{"duckdb", look{"duck", "#8a6a00"}}, {"snowflake", look{"flake", "#16769a"}}, {"big_query", look{"lens", "#2d5fc0"}}, {"bigquery", look{"lens", "#2d5fc0"}},
	{"databricks", look{"layers", "#b3402c"}}, {"redshift", look{"layers", "#5646ad"}}, {"clickhouse", look{"bars", "#7a6400"}},
	{"postgres", look{"cylinder", "#31648c"}}, {"maria", look{"waves", "#7a5634"}}, {"mysql", look{"waves", "#0b6f88"}}, {"aurora_warehouse", look{"waves", "#0b6f88"}},
	{"aurora", look{"waves", "#0b6f88"}}, {"sql_server", look{"cylinder", "#a33a2c"}}, {"oracle", look{"cylinder", "#a53a22"}},
	{"s3", look{"bucket", "#3f7a3a"}}, {"gcs", look{"bucket", "#2d5fc0"}}, {"azure_blob", look{"bucket", "#1a6fb0"}}, {"sftp", look{"folder", "#5a6470"}}, {"ftp", look{"folder", "#5a6470"}},
	{"kafka", look{"hub", "#3d444d"}}, {"kinesis", look{"waves", "#6a46a8"}}, {"webhook", look{"bolt", "#a0482e"}}, {"function", look{"lambda", "#a65a14"}}, {"lambda", look{"lambda", "#a65a14"}},
	{"sheets", look{"grid", "#23783f"}}, {"excel", look{"grid", "#1f6b45"}}, {"google_drive", look{"folder", "#2d5fc0"}}, {"google_analytics", look{"bars", "#a65a14"}}, {"google_ads", look{"bars", "#2d5fc0"}},
	{"github", look{"branch", "#3d444d"}}, {"gitlab", look{"branch", "#a8491f"}}, {"jira", look{"ticket", "#2458b8"}}, {"asana", look{"ticket", "#a83f56"}}, {"linear", look{"ticket", "#5058b8"}},
	{"salesforce", look{"cloud", "#0b6fae"}}, {"hubspot", look{"hub", "#b4502e"}}, {"pipedrive", look{"bars", "#2f6f4f"}}, {"zendesk", look{"speech", "#1f5a5a"}}, {"intercom", look{"speech", "#2a5fc0"}},
	{"freshdesk", look{"speech", "#23784a"}}, {"slack", look{"speech", "#6a3a6e"}}, {"stripe", look{"card", "#5a50c0"}}, {"paypal", look{"card", "#1f4f90"}}, {"recharge", look{"card", "#2f6f8f"}},
	{"shopify", look{"bag", "#55761f"}}, {"sample", look{"bag", "#0b6670"}}, {"15five", look{"people", "#a8473a"}}, {"bamboo", look{"people", "#4d7a2a"}}, {"workday", look{"people", "#1f5fa0"}},
	{"mailchimp", look{"letter", "#7a6400"}}, {"sendgrid", look{"letter", "#1a6fb0"}}, {"klaviyo", look{"letter", "#3d444d"}},
}

// kindLooks are looks by the kinds of services; those of "" are any others'.
var kindLooks = map[string]look{
	"": {"plug", "#55626c"}, "Database": {"cylinder", "#4a5f78"}, "File": {"folder", "#5a6470"}, "Function": {"lambda", "#a65a14"},
	"HumanResources": {"people", "#8a4a6a"}, "Sales": {"bars", "#2f6f8f"}, "Engineering": {"branch", "#3d444d"}, "Event": {"bolt", "#a0482e"},
	"Marketing": {"letter", "#8a4a8a"}, "Finance": {"card", "#3a6a3a"}, "Support": {"speech", "#2f6a6a"}, "Commerce": {"bag", "#6a6a1f"}, "Productivity": {"ticket", "#4a5fa8"},
}

// glyphs are drawings in lines.
var glyphs = map[string]string{
	"plug":     `<path d="M11 7v6M21 7v6M8 13h16v3a8 8 0 0 1-16 0zM16 24v3"/>`,
	"cylinder": `<ellipse cx="16" cy="10" rx="8" ry="3.2"/><path d="M8 10v12c0 1.8 3.6 3.2 8 3.2s8-1.4 8-3.2V10M8 16c0 1.8 3.6 3.2 8 3.2s8-1.4 8-3.2"/>`,
	"waves":    `<ellipse cx="16" cy="9" rx="8" ry="3"/><path d="M8 9v13M24 9v13M8 16q4 4 8 0t8 0M8 22q4 4 8 0t8 0"/>`,
	"leaf":     `<path d="M16 6c6 5 7 12 0 18-7-6-6-13 0-18zM16 12v15"/>`,
	"key":      `<circle cx="12" cy="12" r="4.5"/><path d="m15.5 15.5 9 9M20 20l3-3M23 23l2-2"/>`,
	"duck":     `<path d="M7 17c2 7 17 8 18-1-3 1-5 0-6-2 3-3 1-8-3-8-3.5 0-5 3-4 6-1 3-3 4-5 5z"/><path d="M20 11h4"/><circle cx="16" cy="10" r=".6"/>`,
	"flake":    `<path d="M16 6v20M7.3 11l17.4 10M24.7 11 7.3 21M13 8l3 2 3-2M13 24l3-2 3 2"/>`,
	"lens":     `<circle cx="14.5" cy="14.5" r="7"/><path d="m20 20 6 6M12 16v-2M14.5 17v-5M17 16v-3"/>`,
	"layers":   `<path d="m16 6 10 5-10 5-10-5zM6 16l10 5 10-5M6 21l10 5 10-5"/>`,
	"bars":     `<path d="M6 25h20M9 21v-5M14 21v-9M19 21v-6M24 21V8"/>`,
	"bucket":   `<path d="M8 9h16l-2.5 16h-11zM8 9c0-3 16-3 16 0M8 9c0 3 16 3 16 0"/>`,
	"folder":   `<path d="M6 10a2 2 0 0 1 2-2h5l3 3h8a2 2 0 0 1 2 2v9a2 2 0 0 1-2 2H8a2 2 0 0 1-2-2z"/>`,
	"hub":      `<circle cx="16" cy="16" r="4"/><circle cx="16" cy="7" r="2"/><circle cx="8" cy="22" r="2"/><circle cx="24" cy="22" r="2"/><path d="M16 9v3M10 21l2.5-2M22 21l-2.5-2"/>`,
	"bolt":     `<path d="M18 6 9 18h6l-1 8 9-12h-6z"/>`,
	"lambda":   `<path d="M9 25 15 12M11 7h2.5L21 25h2.5"/>`,
	"grid":     `<rect x="7" y="7" width="18" height="18" rx="2"/><path d="M7 13h18M7 19h18M14 13v12"/>`,
	"branch":   `<circle cx="11" cy="8.5" r="2.5"/><circle cx="11" cy="23.5" r="2.5"/><circle cx="22" cy="11" r="2.5"/><path d="M11 11v10M22 13.5c0 5-11 3-11 7.5"/>`,
	"ticket":   `<rect x="7" y="7" width="18" height="18" rx="3"/><path d="m11.5 16 3 3 6-6.5"/>`,
	"cloud":    `<path d="M10 23a5 5 0 0 1-.5-10 6.5 6.5 0 0 1 12.3-1A5.5 5.5 0 0 1 22 23z"/>`,
	"speech":   `<path d="M7 9a2 2 0 0 1 2-2h14a2 2 0 0 1 2 2v9a2 2 0 0 1-2 2h-8l-5 5v-5H9a2 2 0 0 1-2-2zM12 12h8M12 16h5"/>`,
	"card":     `<rect x="6" y="9" width="20" height="14" rx="2"/><path d="M6 14h20M10 19h4"/>`,
	"bag":      `<path d="M8 12h16l1 13H7zM12 15v-4a4 4 0 0 1 8 0v4"/>`,
	"people":   `<circle cx="13" cy="11" r="3.5"/><path d="M6 25c0-5 3-7.5 7-7.5s7 2.5 7 7.5M20 8.5a3.5 3.5 0 0 1 0 6M23 18.5c2 1 3 3 3 6"/>`,
	"letter":   `<rect x="6" y="9" width="20" height="14" rx="2"/><path d="m7 11 9 7 9-7"/>`,
}
