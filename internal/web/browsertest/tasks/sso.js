// Somebody signs in with their organization's account, and lands where they
// wanted.
module.exports = async ({ visitor, base }) => {
	const page = await visitor();
	await page.goto(base + '/connections?q=people');
	await page.getByRole('link', { name: "Sign in with your organization's account" }).click();
	await page.waitForURL('**/connections?q=people');
	await page.getByRole('link', { name: 'people', exact: true }).waitFor();
};
