// The owner looks after the account: people, teams, keys, webhooks, agents.
module.exports = async ({ page, base, look, visitor, expects }) => {
	const go = async (where, name) => {
		await page.goto(base + '/account/' + where);
		await look(page, 'account-' + name);
	};
	const once = () => page.locator('.once dd').first().innerText();

	await page.goto(base + '/connections');
	await page.getByRole('link', { name: 'Account', exact: true }).click();
	await page.getByRole('link', { name: 'Users', exact: true }).click();
	await page.getByLabel('Email', { exact: true }).fill('eve@example.com');
	await page.getByLabel('First name').fill('Eve');
	await page.getByLabel('Last name').fill('Ash');
	await page.locator('.card').getByLabel('Role in the account').selectOption('Account Reviewer');
	await page.getByRole('button', { name: 'Invite' }).click();
	const link = await once();
	await look(page, 'account-users');

	// Eve chooses a password, sees what is there, and no button that is not for her.
	const eve = await visitor();
	await eve.goto(link);
	await look(eve, 'welcome');
	await eve.getByLabel('Password').fill('another horse battery');
	await eve.getByLabel('The same again').fill('another horse battery');
	await eve.keyboard.press('Enter');
	await eve.waitForURL('**/connections');
	await eve.getByRole('link', { name: 'people', exact: true }).click();
	await eve.getByRole('heading', { name: 'Last syncs' }).waitFor();
	if (await eve.getByRole('button', { name: /Sync now|Pause/ }).count()) throw new Error('a reviewer is shown buttons');
	await eve.getByRole('link', { name: 'Tables', exact: true }).click();
	await eve.locator('#tree').waitFor();
	if (await eve.getByRole('button', { name: 'Read again' }).count()) throw new Error('a reviewer is shown buttons');
	expects(/status of 403/);
	const refused = await eve.evaluate(async () => (await fetch(location.pathname.replace(/schema$/, 'do/pause'), { method: 'POST' })).text());
	if (!refused.includes('You may not do this')) throw new Error(refused);

	await go('teams', 'teams');
	await page.getByLabel('Name').fill('Sales');
	await page.getByRole('button', { name: 'Make it' }).click();
	await page.getByRole('link', { name: 'Sales' }).click();
	await page.getByLabel('User').selectOption('eve@example.com');
	await page.getByRole('button', { name: 'Add' }).first().click();
	await page.getByRole('cell', { name: 'eve@example.com' }).waitFor();
	await page.locator('select[name=id]').selectOption({ label: 'Demo' });
	await page.getByRole('button', { name: 'Add' }).last().click();
	await page.getByRole('cell', { name: 'Demo' }).waitFor();
	await look(page, 'account-team');

	await go('roles', 'roles');
	await go('keys', 'keys');
	await page.getByRole('button', { name: 'Make a key' }).click();
	await once();
	await page.getByLabel('Password until now').fill('not this one');
	await page.getByLabel('New password').fill('yet another horse');
	await page.getByLabel('The same again').fill('yet another horse');
	expects(/status of 400/);
	await page.getByRole('button', { name: 'Change it' }).click();
	await page.getByRole('alert').waitFor();

	await go('system-keys', 'systemkeys');
	await page.getByLabel('Name', { exact: true }).fill('Terraform');
	await page.locator('select[name=CONNECTOR]').selectOption('MANAGE');
	await page.getByRole('button', { name: 'Make it' }).click();
	await once();

	await go('webhooks', 'webhooks');
	await page.getByLabel("Receiver's address").fill('https://receiver.example.com/hook');
	await page.getByLabel('On; it is tried at once').uncheck();
	await page.getByRole('button', { name: 'Make it' }).click();
	await page.getByRole('link', { name: 'https://receiver.example.com/hook' }).click();
	await page.getByRole('heading', { name: 'Latest deliveries' }).waitFor();
	await look(page, 'account-webhook');
	await page.getByRole('button', { name: 'Delete' }).click();
	await page.getByText('There are none yet.').waitFor();

	await go('agents', 'agents');
	await go('logging?service=splunkLog', 'logging');
};
