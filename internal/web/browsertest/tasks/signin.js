// Somebody signs in with a wrong and with the right password, lands where they
// wanted, and signs out.
module.exports = async ({ visitor, base, look, expects, owner }) => {
	expects(/status of 401/);
	const page = await visitor();
	await page.goto(base + '/connections?q=people');
	await look(page, 'signin');
	await page.fill('[name=email]', owner.email);
	await page.fill('[name=password]', 'not this one');
	await page.keyboard.press('Enter');
	await page.getByRole('alert').waitFor();
	await look(page, 'signin-wrong');
	await page.fill('[name=password]', owner.password);
	await page.keyboard.press('Enter');
	await page.waitForURL('**/connections?q=people');
	await page.getByRole('button', { name: 'Sign out' }).click();
	await page.waitForURL('**/signin');
};
