// node drive.js TASK.js …
//
// Signs in to the platform that PENSTOCK_LINK leads to, does each task in a
// context of its own, two at a time, and prints a line of JSON about each. A task is a
// function that is given:
//
//   page     a page of somebody who is signed in, the account's owner
//   base     the platform's address
//   api      (method, path, body) asks the REST API as the owner; returns the data
//   look     (page, name) checks what is on a page; see below
//   visitor  () returns a page of somebody else, who is not signed in
//   expects  (pattern) lets a console error pass: a page that says no makes one
//   owner    the owner's { email, password }
//
// It throws where something is not as it should be, and returns why it cannot be
// done here, if it cannot.
const { chromium } = require('playwright-core');
const fs = require('fs');
const path = require('path');

const env = process.env;
const base = env.PENSTOCK_URL;
const axe = fs.readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
const owner = { password: 'correct horse battery staple' };

async function api(method, where, body) {
	const answer = await fetch(base + where, {
		method,
		headers: {
			Authorization: 'Basic ' + Buffer.from(env.PENSTOCK_KEY + ':' + env.PENSTOCK_SECRET).toString('base64'),
			...(body && { 'Content-Type': 'application/json' }),
		},
		body: body && JSON.stringify(body),
	});
	const said = await answer.json();
	if (!answer.ok) throw new Error(`${method} ${where}: ${answer.status} ${said.message}`);
	return said.data;
}

// looker returns a function that looks at a page in both schemes and both
// widths: it must not scroll sideways, and axe must find nothing serious. axe is
// asked about everything in the light on a wide page, and about colours in the
// dark on a narrow one.
function looker(problems) {
	return async (page, name) => {
		for (const scheme of ['light', 'dark']) {
			for (const width of [1440, 375]) {
				await page.emulateMedia({ colorScheme: scheme, reducedMotion: 'reduce' });
				await page.setViewportSize({ width, height: 900 });
				const where = `${name}, ${scheme}, ${width} pixels`;
				const over = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
				if (over > 0) problems.push(`${where}: ${over} pixels too wide: ${await page.evaluate(widest)}`);
				if ((scheme === 'light') === (width === 1440)) problems.push(...(await findings(page, scheme === 'dark' && 'color-contrast')).map((f) => `${where}: ${f}`));
				if (env.PENSTOCK_PICTURES) {
					await page.screenshot({ path: path.join(env.PENSTOCK_PICTURES, `${name}-${scheme}-${width}.png`), fullPage: true, animations: 'disabled' });
				}
			}
		}
		await page.emulateMedia({ colorScheme: 'light' });
		await page.setViewportSize({ width: 1440, height: 900 });
	};
}

// widest names the innermost elements that stand out of the window.
function widest() {
	return [...document.body.querySelectorAll('*')]
		.filter((e) => e.getBoundingClientRect().right > window.innerWidth + 1 && ![...e.children].some((c) => c.getBoundingClientRect().right > window.innerWidth + 1))
		.slice(0, 3).map((e) => e.outerHTML.slice(0, 120)).join(' ');
}

// findings returns what axe finds serious or worse, by one rule or by all. It is
// evaluated by the browser's debugger, which no Content-Security-Policy stops.
async function findings(page, rule) {
	if (!(await page.evaluate(() => 'axe' in window))) await page.evaluate(axe);
	const found = await page.evaluate((rule) => window.axe.run(document, { resultTypes: ['violations'], preload: false, ...(rule && { runOnly: [rule] }) }), rule);
	return found.violations
		.filter((v) => v.impact === 'serious' || v.impact === 'critical')
		.map((v) => `${v.id}: ${v.help}: ${v.nodes.slice(0, 3).map((n) => `${n.html} (${n.any.concat(n.all, n.none).map((c) => c.message).join('; ')})`).join(' ')}`);
}

// watched returns a context whose pages' console errors become problems.
async function watched(browser, options, problems, allowed) {
	const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, reducedMotion: 'reduce', ...options });
	context.setDefaultTimeout(20000);
	context.on('console', (m) => {
		const said = `${m.text()} (${m.location().url})`;
		if (m.type() === 'error' && !allowed.some((p) => p.test(said))) problems.push('console: ' + said);
	});
	context.on('weberror', (e) => problems.push('script: ' + e.error().stack));
	return context;
}

async function signIn(browser) {
	const context = await browser.newContext();
	const page = await context.newPage();
	await page.goto(env.PENSTOCK_LINK);
	owner.email = await page.inputValue('[name=username]');
	await page.fill('[name=password]', owner.password);
	await page.fill('[name=again]', owner.password);
	await page.click('main button');
	await page.waitForURL('**/connections');
	const state = await context.storageState();
	await context.close();
	return state;
}

async function perform(browser, state, file) {
	const began = Date.now();
	const problems = [];
	const allowed = [];
	const contexts = [];
	let skipped;
	const open = async (options) => {
		contexts.push(await watched(browser, options, problems, allowed));
		return contexts.at(-1).newPage();
	};
	try {
		const page = await open({ storageState: state });
		skipped = await require(path.resolve(file))({ page, base, api, look: looker(problems), visitor: () => open({}), expects: (p) => allowed.push(p), owner });
	} catch (e) {
		const page = contexts.at(-1)?.pages().at(-1);
		problems.push(`${e.stack}\nat ${page?.url()}:\n${await page?.innerText('body').catch(() => '')}`);
	}
	await Promise.all(contexts.map((c) => c.close()));
	console.log(JSON.stringify({ task: path.basename(file, '.js'), seconds: (Date.now() - began) / 1000, skipped, problems }));
}

(async () => {
	const browser = await chromium.launch({
		executablePath: env.PENSTOCK_CHROMIUM || '/usr/bin/chromium',
		args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
	});
	const state = await signIn(browser);
	const files = process.argv.slice(2);
	const work = async () => {
		for (let file; (file = files.shift()); ) await perform(browser, state, file);
	};
	await Promise.all([work(), work()]);
	await browser.close();
})().catch((e) => {
	console.error(e);
	process.exit(1);
});
