"""The words that the demo's files are made of. Addresses are under reserved domains only (RFC 2606, RFC 6761)."""

from __future__ import annotations

WOMEN = (
    "Marie Nathalie Isabelle Sylvie Catherine Martine Christine Françoise Valérie Sandrine Stéphanie Véronique "
    "Sophie Céline Chantal Patricia Anne Brigitte Julie Monique Aurélie Nicole Laurence Annie Émilie Dominique "
    "Virginie Corinne Élodie Christelle Camille Caroline Léa Sarah Florence Laetitia Audrey Hélène Laura Manon "
    "Michèle Cécile Jacqueline Delphine Karine Mélanie Marion Emma Chloé Inès Zoé Jade Louise Alice Rose "
    "Agathe Juliette Lucie Clara Eva Anaïs Noémie Maëlle Capucine Léonie Margaux Éléonore Ophélie Solène "
    "Marie-Claude Anne-Sophie"
).split()
MEN = (
    "Jean Philippe Michel Alain Nicolas Christophe Patrick Pierre Christian Éric Frédéric Laurent Stéphane "
    "David Pascal Daniel Sébastien Julien Thierry Olivier Bernard Thomas Alexandre Gérard Didier Dominique "
    "Vincent François Bruno Guillaume Jérôme Jacques Marc Maxime Romain Claude Antoine Franck Jean-Pierre "
    "Anthony Kévin Gilles Cédric Serge André Mathieu Benjamin Patrice Fabrice Joël Jérémy Clément Arnaud Denis "
    "Paul Lucas Hugo Louis Gabriel Arthur Jules Raphaël Léo Adam Noé Théo Nathan Enzo Loïc Yann Gaël"
).split()
SURNAMES = (
    "Martin Bernard Thomas Petit Robert Richard Durand Dubois Moreau Laurent Simon Michel Lefebvre Leroy Roux "
    "David Bertrand Morel Fournier Girard Bonnet Dupont Lambert Fontaine Rousseau Vincent Muller Lefèvre Faure "
    "André Mercier Blanc Guérin Boyer Garnier Chevalier François Legrand Gauthier Garcia Perrin Robin Clément "
    "Morin Nicolas Henry Roussel Mathieu Gautier Masson Marchand Duval Denis Dumont Marie Lemaire Noël Meyer "
    "Dufour Meunier Brun Blanchard Giraud Joly Rivière Lucas Brunet Gaillard Barbier Arnaud Martinez Gérard "
    "Roche Renard Schmitt Roy Leroux Colin Vidal Caron Picard Roger Fabre Aubert Lemoine Renaud Dumas Lacroix "
    "Olivier Philippe Bourgeois Pierre Benoît Rey Leclerc Payet Rolland Leclercq Guillaume Lecomte Lopez Jean "
    "Dupuy Guillot Hubert Berger Carpentier Sanchez Dupuis Moulin Louis Deschamps Huet Vasseur Perez Boucher "
    "Fleury Royer Klein Jacquet Adam Paris Poirier Marty Aubry Guyot Carré Charles Renault Charpentier Ménard "
    "Maillard Baron Bertin Bailly Hervé Schneider Fernandez Le_Gall Collet Léger Bouvier Julien Prévost Millet "
    "Perrot Daniel Le_Roux Cousin Germain Breton Besson Langlois Rémy Le_Goff Pelletier Lévêque Perrier "
    "Leblanc Barré Lebrun Marchal Weber Mallet Hamon Boulanger Jacob Monnier Michaud Rodriguez Guichard Gillet "
    "Étienne Grondin Poulain Tessier Chevallier Collin Chauvin Da_Silva Bouchet Gay Lemaître Bénard Maréchal "
    "Humbert Reynaud Antoine Hoarau Perret Barthélemy Cordier Pichon Lejeune Gilbert Lamy Delaunay Pasquier "
    "Carlier Laporte Catholique Croissant O'Neil D'Almeida"
).split()
DOMAINS = {
    "gmail.example": 30,
    "orange.example": 17,
    "hotmail.example": 12,
    "wanadoo.example": 8,
    "free.example": 9,
    "yahoo.example": 6,
    "sfr.example": 5,
    "laposte.example": 5,
    "outlook.example": 4,
    "icloud.example": 2,
    "bbox.test": 1,
    "neuf.test": 1,
}
TYPOS = {
    "gmail.example": ("gmial.example", "gmai.example", "gamil.example"),
    "orange.example": ("ornage.example", "orangr.example"),
    "hotmail.example": ("hotmial.example", "hotmal.example"),
    "wanadoo.example": ("wandoo.example",),
    "free.example": ("fre.example",),
}
STREETS = (
    "rue de la République|rue Victor-Hugo|avenue Jean-Jaurès|rue Pasteur|place de l'Église|rue du Général-de-Gaulle|"
    "boulevard Gambetta|rue des Lilas|chemin des Vignes|impasse du Moulin|rue de l'Abbé-Grégoire|allée des Tilleuls|"
    "rue du Maréchal-Foch|rue de Verdun|route de Lyon|rue des Écoles|cours Mirabeau|quai de la Fosse|rue Haute|"
    "lotissement Les Cigales"
).split("|")
JOBS = (
    "employé de bureau|enseignante|infirmier|cadre commercial|ingénieure|artisan|retraité|étudiante|agriculteur|"
    "comptable|chef d'entreprise|ouvrier|sans emploi|fonctionnaire|architecte|avocate|boulanger|technicienne"
).split("|")
STATUSES = "marié(e)|célibataire|pacsé(e)|divorcé(e)|veuf(ve)|concubinage".split("|")
HAIR = "brun|châtain|blond|roux|gris|noir|blanc".split("|")
INTERESTS = "jardin|cuisine|lecture|voyages|musique|sport|bricolage|mode|cinéma|randonnée|jeux|photo".split("|")
RELIGIONS = "catholique|protestante|musulmane|juive|sans religion|bouddhiste".split("|")
UNIONS = "CGT|CFDT|FO|UNSA|CFTC|aucune".split("|")

# A shop: sensitive column and its words, (category, products, mean price), shops.
SHOPS = (
    (
        "Religion",
        RELIGIONS,
        (
            ("Luminaires", ("Lampe de chevet", "Suspension en verre", "Lampadaire", "Guirlande"), 79.0),
            ("Arts de la table", ("Service à thé", "Assiettes en grès", "Couverts dorés", "Carafe"), 48.0),
            ("Linge de maison", ("Drap de lin", "Plaid en laine", "Rideau", "Coussin"), 62.0),
            ("Meubles", ("Table basse", "Chaise en hêtre", "Étagère", "Console"), 240.0),
            ("Décoration", ("Vase", "Miroir", "Bougie parfumée", "Cadre"), 34.0),
            ("Jardin", ("Photophore", "Fauteuil de jardin", "Jardinière"), 95.0),
        ),
        ("Paris Marais", "Lyon Bellecour", "Nantes", "Toulouse", "Lille", "Boutique en ligne", "Le Croissant"),
    ),
    (
        "Appartenance syndicale",
        UNIONS,
        (
            ("Bagues", ("Solitaire", "Alliance", "Chevalière", "Bague en argent"), 420.0),
            ("Colliers", ("Sautoir", "Pendentif", "Collier de perles"), 190.0),
            ("Boucles d'oreilles", ("Créoles", "Puces", "Pendants"), 120.0),
            ("Montres", ("Montre acier", "Montre dorée"), 310.0),
            ("Gravure", ("Gravure main",), 35.0),
        ),
        ("Atelier Bastille", "Atelier en ligne"),
    ),
)
PAYMENTS = ("carte bancaire", "espèces", "chèque", "PayPal", "virement", "carte cadeau")
